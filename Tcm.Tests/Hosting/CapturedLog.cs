using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Tcm.Tests.Hosting;

/// <summary>Keeps what is logged, of every level.</summary>
internal sealed class CapturedLog : ILoggerProvider
{
    private readonly ConcurrentQueue<Entry> _entries = new();

    public IReadOnlyList<Entry> Entries => [.. _entries];

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    /// <summary>The entries of an event.</summary>
    public IReadOnlyList<Entry> Of(int id) =>
        [.. _entries.Where(e => e.Event.Id == id && e.Category.StartsWith("Tcm.", StringComparison.Ordinal))];

    public void Dispose()
    {
    }

    internal sealed record Entry(string Category, LogLevel Level, EventId Event, string Message, Exception? Error);

    private sealed class Logger(CapturedLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            log._entries.Enqueue(new Entry(category, logLevel, eventId, formatter(state, exception), exception));
    }
}
