using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using Tcm.Kernels.Convolution;

namespace Tcm.Bench;

/// <summary>A model of one convolution and a ReLU, run by ONNX Runtime on given threads.</summary>
internal sealed class OnnxConvolution : IDisposable
{
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;
    private readonly OrtValue _x, _y;
    private readonly RunOptions _run = new();

    public OnnxConvolution(Conv2dFilter filter, bool transposed, int h, int w, float[] x, float[] y, float[] weight,
        float[] bias, int threads)
    {
        long[] input = [1, filter.C, h, w];
        long[] output = transposed ? [1, filter.K, 2 * h, 2 * w] : [1, filter.K,
            (h + 2 * filter.Padding - filter.R) / filter.Stride + 1, (w + 2 * filter.Padding - filter.S) / filter.Stride + 1];
        using var options = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1 };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "1");
        _session = new InferenceSession(Model(filter, transposed, input, output, weight, bias), options);
        _x = OrtValue.CreateTensorValueFromMemory(x, input);
        _y = OrtValue.CreateTensorValueFromMemory(y, output);
        _binding = _session.CreateIoBinding();
        _binding.BindInput("x", _x);
        _binding.BindOutput("y", _y);
    }

    public void Run() => _session.RunWithBinding(_run, _binding);

    public void Dispose()
    {
        _binding.Dispose();
        _x.Dispose();
        _y.Dispose();
        _run.Dispose();
        _session.Dispose();
    }

    // Field numbers are those of onnx.proto3.
    private static byte[] Model(Conv2dFilter filter, bool transposed, long[] input, long[] output, float[] weight, float[] bias)
    {
        long[] weightShape = transposed ? [filter.C, filter.K, 2, 2] : [filter.K, filter.C / filter.Groups, filter.R, filter.S];
        long p = filter.Padding;
        var convolution = new ProtoWriter().Text(1, "x").Text(1, "w").Text(1, "b").Text(2, "c")
            .Text(4, transposed ? "ConvTranspose" : "Conv")
            .Message(5, Integers("kernel_shape", filter.R, filter.S))
            .Message(5, Integers("strides", filter.Stride, filter.Stride))
            .Message(5, Integers("pads", p, p, p, p))
            .Message(5, new ProtoWriter().Text(1, "group").Integer(3, filter.Groups).Integer(20, 2));
        var relu = new ProtoWriter().Text(1, "c").Text(2, "y").Text(4, "Relu");
        var graph = new ProtoWriter().Message(1, convolution).Message(1, relu).Text(2, "g")
            .Message(5, Tensor("w", weightShape, weight)).Message(5, Tensor("b", [bias.Length], bias))
            .Message(11, ValueInfo("x", input)).Message(12, ValueInfo("y", output));
        return new ProtoWriter().Integer(1, 8).Message(7, graph)
            .Message(8, new ProtoWriter().Text(1, "").Integer(2, 17)).ToArray();
    }

    private static ProtoWriter Integers(string name, params long[] values)
    {
        var attribute = new ProtoWriter().Text(1, name);
        foreach (long value in values)
        {
            attribute.Integer(8, value);
        }
        return attribute.Integer(20, 7);
    }

    private static ProtoWriter Tensor(string name, long[] shape, float[] values)
    {
        var tensor = new ProtoWriter();
        foreach (long size in shape)
        {
            tensor.Integer(1, size);
        }
        return tensor.Integer(2, 1).Text(8, name).Bytes(9, MemoryMarshal.AsBytes(values.AsSpan()));
    }

    private static ProtoWriter ValueInfo(string name, long[] shape)
    {
        var dimensions = new ProtoWriter();
        foreach (long size in shape)
        {
            dimensions.Message(1, new ProtoWriter().Integer(1, size));
        }
        var tensor = new ProtoWriter().Integer(1, 1).Message(2, dimensions);
        return new ProtoWriter().Text(1, name).Message(2, new ProtoWriter().Message(1, tensor));
    }

    /// <summary>The few parts of the protocol buffer encoding that a model needs.</summary>
    private sealed class ProtoWriter
    {
        private readonly MemoryStream _bytes = new();

        public ProtoWriter Integer(int field, long value)
        {
            Varint((ulong)field << 3);
            Varint((ulong)value);
            return this;
        }

        public ProtoWriter Bytes(int field, ReadOnlySpan<byte> value)
        {
            Varint(((ulong)field << 3) | 2);
            Varint((ulong)value.Length);
            _bytes.Write(value);
            return this;
        }

        public ProtoWriter Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

        public ProtoWriter Message(int field, ProtoWriter value) => Bytes(field, value.ToArray());

        public byte[] ToArray() => _bytes.ToArray();

        private void Varint(ulong value)
        {
            for (; value >= 0x80; value >>= 7)
            {
                _bytes.WriteByte((byte)(value | 0x80));
            }
            _bytes.WriteByte((byte)value);
        }
    }
}
