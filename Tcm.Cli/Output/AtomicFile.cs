using Tcm.Kernels;
using Tcm.Nn.Checkpoints;

namespace Tcm.Cli.Output;

/// <summary>Something that was asked for cannot be written; the message names the file and the reason.</summary>
internal sealed class OutputException(string message, Exception? inner = null) : TcmException(message, inner);

/// <summary>
/// A file that is written under a temporary name beside its own and renamed when it is complete, so that nobody ever sees half
/// of it and a failed run leaves what was there before. A device or a pipe is written to directly: it must not be replaced.
/// </summary>
internal sealed class AtomicFile : IDisposable
{
    private readonly string _path;
    private readonly string? _temporary;
    private readonly string _target;
    private bool _committed;

    /// <summary>Creates the temporary file; fails at once if the place cannot be written to.</summary>
    /// <exception cref="OutputException">It cannot.</exception>
    public AtomicFile(string path)
    {
        _path = path;
        if (Directory.Exists(path))
        {
            throw new OutputException($"{path}: is a folder");
        }
        try
        {
            var place = OutputPlace.Of(path);
            _target = place.Target;
            _temporary = place.InPlace ? null : place.TemporaryName();
            Stream = _temporary is null ? place.Open()
                : new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new OutputException($"{path}: cannot be written: {Reason(e)}", e);
        }
    }

    /// <summary>Takes the contents.</summary>
    public Stream Stream { get; }

    /// <summary>Adds bytes and hands them to the system.</summary>
    /// <exception cref="OutputException">The disk is full.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        try
        {
            Stream.Write(bytes);
            Stream.Flush();
        }
        catch (Exception e) when (OutputPlace.IsRefusal(e))
        {
            throw new OutputException($"{_path}: cannot be written: {Reason(e)}", e);
        }
    }

    /// <summary>Gives the file its name.</summary>
    /// <exception cref="OutputException">The disk is full, or the name cannot be taken.</exception>
    public void Commit()
    {
        try
        {
            Stream.Dispose();
            if (_temporary is not null)
            {
                File.Move(_temporary, _target, overwrite: true);
            }
        }
        catch (Exception e) when (OutputPlace.IsRefusal(e))
        {
            throw new OutputException($"{_path}: cannot be written: {Reason(e)}", e);
        }
        _committed = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_committed)
        {
            return;
        }
        try
        {
            if (_temporary is null && Stream.CanSeek)
            {
                // It was empty before; half a result must not stay in it. (A device refuses, and has kept nothing anyway.)
                Stream.SetLength(0);
            }
            Stream.Dispose();
            if (_temporary is not null)
            {
                File.Delete(_temporary);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The reason for not committing is already on its way to the user; a leftover temporary file is not worth hiding it.
        }
    }

    /// <summary>The reason without the temporary name, which would puzzle the user.</summary>
    private static string Reason(Exception e) => e switch
    {
        DirectoryNotFoundException => "there is no such folder",
        UnauthorizedAccessException => "no permission",
        _ => "the disk is full or the name is not valid",
    };
}
