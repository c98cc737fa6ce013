using System.Net;

namespace Tcm.Samples.Service;

/// <summary>A request that cannot be answered, and why, in words for the person who sent it.</summary>
internal sealed class RequestException(HttpStatusCode status, string title, string detail) : Exception(detail)
{
    public int Status => (int)status;

    public string Title => title;

    public static RequestException TooLarge(string detail) => new(HttpStatusCode.RequestEntityTooLarge, "Too large", detail);

    public static RequestException Unsupported(string detail) => new(HttpStatusCode.UnsupportedMediaType, "Not a picture I can read", detail);

    public static RequestException Bad(string title, string detail) => new(HttpStatusCode.BadRequest, title, detail);
}
