using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Tcm.Samples.Service;

/// <summary>A file as it came.</summary>
/// <param name="Name">What the sender calls it; for showing, never for a path.</param>
/// <param name="Bytes">The content; null where it has more than is taken.</param>
internal sealed record Upload(string Name, byte[]? Bytes);

/// <summary>Reads the pictures of a request into memory, each no further than the limit.</summary>
internal static class Uploads
{
    // Names, boundaries and headers between the files.
    private const int Overhead = 64 << 10;
    private const int BoundaryLength = 128;

    /// <summary>Files of a form, or the body as the only one.</summary>
    /// <exception cref="RequestException">Nothing in it, too much, neither form nor picture.</exception>
    public static async Task<(IReadOnlyList<Upload> Files, bool IsForm)> ReadAsync(HttpRequest request, ServiceOptions options,
        CancellationToken cancellation)
    {
        try
        {
            bool isForm = MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
                && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase);
            var files = isForm ? await FormAsync(request, type!, options, cancellation)
                : [await BodyAsync(request, options, cancellation)];
            return (files, isForm);
        }
        catch (Exception e) when (e is InvalidDataException or IOException and not BadHttpRequestException)
        {
            cancellation.ThrowIfCancellationRequested();
            throw RequestException.Bad("The request cannot be read", $"The form is damaged: {e.Message}");
        }
    }

    /// <summary>Bytes that a request may have.</summary>
    public static long MostBytes(ServiceOptions options) => ((long)options.MaxFiles * options.MaxFileBytes) + Overhead;

    /// <summary>What is said of a picture with more bytes than are taken.</summary>
    public static RequestException TooManyBytes(ServiceOptions options) => RequestException.TooLarge(
        $"A picture may have {Size(options.MaxFileBytes)}, and this one has more.");

    private static async Task<Upload> BodyAsync(HttpRequest request, ServiceOptions options, CancellationToken cancellation)
    {
        string type = request.ContentType ?? "";
        if (type.Length > 0 && !type.StartsWith("image/", StringComparison.OrdinalIgnoreCase)
            && !type.StartsWith("application/octet-stream", StringComparison.OrdinalIgnoreCase))
        {
            throw RequestException.Unsupported($"The body is {type}; I take a picture (image/jpeg, image/png, image/webp) or a form with files "
                + "(multipart/form-data).");
        }
        if (request.ContentLength > options.MaxFileBytes)
        {
            throw TooManyBytes(options);
        }
        return new Upload("picture", await BytesAsync(request.Body, options.MaxFileBytes, cancellation)
            ?? throw TooManyBytes(options));
    }

    private static async Task<IReadOnlyList<Upload>> FormAsync(HttpRequest request, MediaTypeHeaderValue type, ServiceOptions options,
        CancellationToken cancellation)
    {
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).Value ?? "";
        if (boundary.Length is 0 or > BoundaryLength)
        {
            throw RequestException.Bad("The request cannot be read", "The form has no boundary, or one that is too long.");
        }
        if (request.ContentLength > MostBytes(options))
        {
            throw RequestException.TooLarge($"A request may have {options.MaxFiles} pictures of {Size(options.MaxFileBytes)} each, and this one has "
                + $"{Size(request.ContentLength.Value)}.");
        }
        var files = new List<Upload>();
        var reader = new MultipartReader(boundary, request.Body);
        while (await reader.ReadNextSectionAsync(cancellation) is { } section)
        {
            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition) || !disposition.IsFileDisposition())
            {
                continue;
            }
            if (files.Count == options.MaxFiles)
            {
                throw RequestException.Bad("Too many pictures", $"A request may have {options.MaxFiles} pictures.");
            }
            string name = HeaderUtilities.RemoveQuotes(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName)
                .Value ?? "";
            files.Add(new Upload(name.Length > 0 ? name : $"picture {files.Count + 1}",
                await BytesAsync(section.Body, options.MaxFileBytes, cancellation)));
        }
        return files.Count > 0 ? files : throw RequestException.Bad("No picture", "The form has no file in it.");
    }

    /// <summary>Null where there are more than <paramref name="most"/>; the rest is then not kept.</summary>
    private static async Task<byte[]?> BytesAsync(Stream source, int most, CancellationToken cancellation)
    {
        using var bytes = new MemoryStream();
        var buffer = new byte[64 << 10];
        bool fits = true;
        for (int n; (n = await source.ReadAsync(buffer, cancellation)) > 0;)
        {
            fits = fits && bytes.Length + n <= most;
            if (fits)
            {
                bytes.Write(buffer, 0, n);
            }
        }
        return fits ? bytes.ToArray() : null;
    }

    private static string Size(long bytes) => bytes >= 1 << 20 ? $"{bytes / (double)(1 << 20):0.#} MB" : $"{bytes / 1024.0:0.#} KB";
}
