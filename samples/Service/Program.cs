using Tcm.Samples.Service;

// For a container's health check, in images that have no other HTTP client.
if (args is ["--health", var address])
{
    using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
    try
    {
        using var answer = await client.GetAsync(address);
        return answer.IsSuccessStatusCode ? 0 : 1;
    }
    catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
    {
        Console.Error.WriteLine($"{address}: {e.Message}");
        return 1;
    }
}

await ServiceApp.Build(args).RunAsync();
return Environment.ExitCode;
