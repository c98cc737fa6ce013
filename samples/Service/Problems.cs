using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Tcm.Detect;
using Tcm.Kernels;

namespace Tcm.Samples.Service;

/// <summary>Exceptions as problem details (RFC 9457). Thread-safe.</summary>
internal sealed partial class Problems(IProblemDetailsService writer, ILogger<Problems> log) : IExceptionHandler
{
    private const int ClientClosedRequest = 499;

    /// <summary>What the person who sent a picture is told.</summary>
    public static ProblemDetails Describe(Exception exception) => exception switch
    {
        RequestException e => Problem(e.Status, e.Title, e.Message),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            Problem(StatusCodes.Status413PayloadTooLarge, "Too large", "The request has more bytes than this service takes."),
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } =>
            Problem(StatusCodes.Status408RequestTimeout, "Too slow", "The pictures did not arrive in time."),
        BadHttpRequestException e => Problem(e.StatusCode, "The request cannot be read", e.Message),
        ImageLimitException e => Problem(StatusCodes.Status413PayloadTooLarge, "Too large", e.Message),
        OptionException e => Problem(StatusCodes.Status400BadRequest, "No such setting", e.Message),
        DeviceException e => Problem(StatusCodes.Status503ServiceUnavailable, "The device failed", e.Message),
        OutOfMemoryException => Problem(StatusCodes.Status503ServiceUnavailable, "Out of memory",
            "The service has not enough memory for this picture now."),
        _ => Problem(StatusCodes.Status500InternalServerError, "The service failed", "It is not the picture's fault; the log says more."),
    };

    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancellation)
    {
        if (exception is OperationCanceledException && context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told; for the log of requests.
            context.Response.StatusCode = ClientClosedRequest;
            return true;
        }
        var problem = Describe(exception);
        if (problem.Status >= StatusCodes.Status500InternalServerError)
        {
            Failed(exception, context.Request.Path);
        }
        context.Response.StatusCode = problem.Status!.Value;
        return await writer.TryWriteAsync(new() { HttpContext = context, ProblemDetails = problem, Exception = exception });
    }

    private static ProblemDetails Problem(int status, string title, string detail) =>
        new() { Status = status, Title = title, Detail = detail };

    [LoggerMessage(LogLevel.Error, "{Path} failed")]
    private partial void Failed(Exception exception, PathString path);
}
