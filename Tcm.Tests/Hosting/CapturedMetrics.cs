using System.Diagnostics.Metrics;
using Tcm.Detect.Diagnostics;

namespace Tcm.Tests.Hosting;

/// <summary>What the instruments of Tcm.Detect measure of one detector.</summary>
internal sealed class CapturedMetrics : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly List<(Instrument Instrument, double Value, Dictionary<string, object?> Tags)> _measured = [];
    private readonly string _detector;

    public CapturedMetrics(string detector)
    {
        _detector = detector;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == DetectorTelemetry.MeterName)
            {
                Instruments.Add(instrument);
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
        Assert.NotNull(DetectorTelemetry.Memory);
    }

    public List<Instrument> Instruments { get; } = [];

    public void Observe() => _listener.RecordObservableInstruments();

    /// <summary>Values of an instrument, of those with a tag where one is named.</summary>
    public IReadOnlyList<double> Of(string instrument, string? tag = null, string? value = null)
    {
        lock (_measured)
        {
            return [.. _measured.Where(m => m.Instrument.Name == instrument && (tag is null || Equals(m.Tags.GetValueOrDefault(tag), value)))
                .Select(m => m.Value)];
        }
    }

    public double Sum(string instrument, string? tag = null, string? value = null) => Of(instrument, tag, value).Sum();

    public void Dispose() => _listener.Dispose();

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var all = tags.ToArray().ToDictionary(t => t.Key, t => t.Value);
        // Tests that run beside this one have detectors too.
        if (Equals(all.GetValueOrDefault("tcm.detector"), _detector))
        {
            Assert.Equal("cpu", all["tcm.device"]);
            lock (_measured)
            {
                _measured.Add((instrument, value, all));
            }
        }
    }
}
