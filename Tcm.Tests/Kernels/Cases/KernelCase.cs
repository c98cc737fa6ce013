using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Tcm.Kernels;

namespace Tcm.Tests.Kernels.Cases;

/// <summary>
/// One call of one operation, on inputs of known lengths filled with reproducible values. A backend passes when every float
/// of the output is within Atol + Rtol * |expected| of what the reference computes from the same values.
/// </summary>
/// <param name="Name">Operation and shape.</param>
/// <param name="Inputs">Lengths of the inputs.</param>
/// <param name="Output">Length of the output, gaps between strides included.</param>
/// <param name="Run">The call: backend, what <see cref="Prepare"/> gave, inputs, output. Must not allocate by itself.</param>
internal sealed record KernelCase(string Name, int[] Inputs, int Output, Action<Backend, IDisposable?, Slice[], Slice> Run)
{
    private static readonly ConcurrentDictionary<(int Length, int Seed, float Range), float[]> values = new();

    public float Atol { get; init; } = 1e-6f;

    public float Rtol { get; init; } = 1e-5f;

    /// <summary>Packs weights; disposed after the last run.</summary>
    public Func<Backend, IDisposable>? Prepare { get; init; }

    /// <summary>The output is the same memory as this input.</summary>
    public int? InPlace { get; init; }

    /// <summary>Inputs are uniform in [-Range, Range).</summary>
    public float Range { get; init; } = 1;

    /// <summary>Makes other values of the uniform ones: from the number of the input, the index and the value.</summary>
    public Func<int, int, float, float>? Map { get; init; }

    public override string ToString() => Name;

    /// <summary>Reproducible values, the same for every backend; shared, not to be written to.</summary>
    public static float[] Values(int length, int seed, float range = 1) =>
        values.GetOrAdd((length, seed, range), static key => Generate(key.Length, key.Seed, key.Range));

    /// <summary>The values of an input.</summary>
    public float[] Initial(int length, int input)
    {
        float[] uniform = Values(length, 100 + input, Range);
        return Map is null ? uniform : [.. uniform.Select((value, i) => Map(input, i, value))];
    }

    private static float[] Generate(int length, int seed, float range)
    {
        var random = new Random(seed);
        var values = new float[length];
        for (int i = 0; i < length; i++)
        {
            values[i] = (random.NextSingle() * 2 - 1) * range;
        }
        return values;
    }
}

/// <summary>A case with its tensors on one backend, each between two guards of NaN.</summary>
internal sealed class LoadedCase : IDisposable
{
    /// <summary>Odd, so that no tensor starts on a multiple of a vector.</summary>
    private const int OddGuard = 37;
    private readonly int _guard;
    private readonly KernelCase _case;
    private readonly Backend _backend;
    private readonly IDisposable? _prepared;
    private readonly List<Storage> _storages = [];
    private readonly List<float[]> _initial = [];
    private readonly Slice[] _inputs;
    private readonly Slice _output;

    public LoadedCase(KernelCase kernelCase, Backend backend, int guard = OddGuard)
    {
        _guard = guard;
        _case = kernelCase;
        _backend = backend;
        _prepared = kernelCase.Prepare?.Invoke(backend);
        _inputs = [.. kernelCase.Inputs.Select((length, i) => Load(kernelCase.Initial(length, i)))];
        // The output starts with values too: what an operation must not touch, or adds to, is compared like the rest.
        _output = kernelCase.InPlace is { } input ? _inputs[input] : Load(KernelCase.Values(kernelCase.Output, 99));
    }

    public void Run() => _case.Run(_backend, _prepared, _inputs, _output);

    /// <summary>Puts all values back to what they were before the first run.</summary>
    public void Reset()
    {
        for (int i = 0; i < _storages.Count; i++)
        {
            _backend.Upload(_initial[i], _storages[i].All);
        }
    }

    public float[] Output()
    {
        var values = new float[_output.Length];
        _backend.Download(_output, values);
        return values;
    }

    /// <summary>What was written where nothing may be written, or null.</summary>
    public string? Damage()
    {
        for (int i = 0; i < _storages.Count; i++)
        {
            var now = new float[_storages[i].Length];
            _backend.Download(_storages[i].All, now);
            if (ReferenceEquals(_storages[i], _output.Storage))
            {
                // Only the guards of what may be written must be as they were.
                _initial[i].AsSpan(_guard, now.Length - 2 * _guard).CopyTo(now.AsSpan(_guard));
            }
            // As bits, since the guards are NaN.
            int same = Bits(now).CommonPrefixLength(Bits(_initial[i]));
            if (same < now.Length)
            {
                return $"{_case.Name}: tensor {i} changed at {same - _guard} of {now.Length - 2 * _guard}";
            }
        }
        return null;
    }

    public void Dispose()
    {
        _prepared?.Dispose();
        foreach (var storage in _storages)
        {
            storage.Dispose();
        }
    }

    private static ReadOnlySpan<int> Bits(float[] floats) => MemoryMarshal.Cast<float, int>(floats);

    private Slice Load(float[] values)
    {
        var guarded = new float[values.Length + 2 * _guard];
        guarded.AsSpan().Fill(float.NaN);
        values.CopyTo(guarded, _guard);
        var storage = _backend.Allocate(guarded.Length);
        _backend.Upload(guarded, storage.All);
        _storages.Add(storage);
        _initial.Add(guarded);
        return storage.All.Part(_guard, values.Length);
    }
}
