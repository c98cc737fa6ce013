using System.Security.Cryptography;
using System.Text;

namespace Tcm.Kernels.Gpu;

/// <summary>
/// Final PTX of kernels in a folder, so that ILGPU compiles each of them once a machine and not once a process. An entry is found by
/// everything that its text depends on, which the caller puts into the key, and checked by its hash: a damaged one is deleted and
/// counts as absent. Writers replace files atomically, so that processes may share the folder. A folder that cannot be used is no
/// error: kernels are then compiled as without one. Thread-safe.
/// </summary>
/// <param name="folder">Made when the first entry is written.</param>
/// <param name="limit">Bytes of entries to keep; the ones that were not used for the longest time go first.</param>
internal sealed class KernelFiles(string folder, long limit = KernelFiles.DefaultLimit)
{
    /// <summary>Environment variable: another folder, or <c>off</c> for none.</summary>
    public const string Variable = "TCM_KERNEL_CACHE";

    /// <summary>Some times what all kernels take for one device.</summary>
    public const long DefaultLimit = 128L << 20;

    private const string Extension = ".ptx";
    private static readonly TimeSpan Abandoned = TimeSpan.FromHours(1);

    /// <summary>Where entries are.</summary>
    public string Folder => folder;

    /// <summary>Entries that were there.</summary>
    public int Hits { get; private set; }

    /// <summary>Entries that were damaged, and files that could not be read or written.</summary>
    public int Failures { get; private set; }

    /// <summary>The folder that the environment names, else the user's cache; null where that is switched off or unknown.</summary>
    public static KernelFiles? FromEnvironment()
    {
        string? named = Environment.GetEnvironmentVariable(Variable);
        if (!string.IsNullOrWhiteSpace(named))
        {
            return named.Trim().Equals("off", StringComparison.OrdinalIgnoreCase) ? null : new KernelFiles(named);
        }
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string root = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : !string.IsNullOrEmpty(cache) ? cache
            : home.Length > 0 ? Path.Combine(home, ".cache") : "";
        return Path.IsPathFullyQualified(root) ? new KernelFiles(Path.Combine(root, "tcm", "kernels")) : null;
    }

    /// <summary>The text that was written under a key, or null.</summary>
    public string? Read(string key)
    {
        string path = PathOf(key);
        try
        {
            byte[] content = File.ReadAllBytes(path);
            int digest = SHA256.HashSizeInBytes;
            byte[] head = Encoding.UTF8.GetBytes(key + "\n");
            if (content.Length < digest + head.Length || !SHA256.HashData(content.AsSpan(digest)).AsSpan().SequenceEqual(content.AsSpan(0, digest))
                || !content.AsSpan(digest, head.Length).SequenceEqual(head))
            {
                Failures++;
                File.Delete(path);
                return null;
            }
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
            Hits++;
            return Encoding.UTF8.GetString(content.AsSpan(digest + head.Length));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Failures++;
            return null;
        }
    }

    /// <summary>Keeps a text.</summary>
    /// <param name="key">What it depends on; without a line break.</param>
    /// <param name="text">The text.</param>
    public void Write(string key, string text)
    {
        byte[] body = Encoding.UTF8.GetBytes(key + "\n" + text);
        if (body.Length > limit)
        {
            return;
        }
        string path = PathOf(key), temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            Directory.CreateDirectory(folder);
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                file.Write(SHA256.HashData(body));
                file.Write(body);
            }
            File.Move(temporary, path, overwrite: true);
            Trim(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Failures++;
        }
    }

    private string PathOf(string key) =>
        Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key))) + Extension);

    private void Trim(string newest)
    {
        var files = new DirectoryInfo(folder).GetFiles();
        foreach (var left in files.Where(f => f.Extension == ".tmp" && DateTime.UtcNow - f.LastWriteTimeUtc > Abandoned))
        {
            left.Delete();
        }
        var entries = files.Where(f => f.Extension == Extension && f.FullName != Path.GetFullPath(newest))
            .OrderByDescending(f => f.LastWriteTimeUtc).ToList();
        long kept = new FileInfo(newest).Length;
        foreach (var entry in entries)
        {
            kept += entry.Length;
            if (kept > limit)
            {
                entry.Delete();
            }
        }
    }
}
