namespace Tcm.Detect.Datasets;

/// <summary>Names of pictures in labels and in folders, which may or may not end in the extension of a picture.</summary>
internal static class PictureName
{
    private static readonly string[] Extensions = [".jpg", ".JPG", ".jpeg", ".JPEG", ".png", ".PNG", ".gif", ".bmp", ".webp"];

    /// <summary>The name without the extension of a picture; other dots belong to the name.</summary>
    public static string Stem(string name) =>
        Extensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase) ? Path.ChangeExtension(name, null) : name;

    /// <summary>Where a picture lies, or null.</summary>
    /// <param name="folder">The folder of pictures.</param>
    /// <param name="name">Its name below the folder, with or without extension.</param>
    public static string? Locate(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        return File.Exists(path) ? path : Extensions.Select(e => path + e).FirstOrDefault(File.Exists);
    }
}
