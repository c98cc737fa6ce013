using System.Text;

namespace Tcm.Bench.Fuzzing;

/// <summary>Assembles pickles operation by operation.</summary>
internal sealed class PickleWriter
{
    private readonly List<byte> _bytes = [];

    public PickleWriter Op(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public PickleWriter Global(string module, string name)
    {
        _bytes.AddRange(Encoding.UTF8.GetBytes($"c{module}\n{name}\n"));
        return this;
    }

    public PickleWriter Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return Op((byte)'X').Op(BitConverter.GetBytes(utf8.Length)).Op(utf8);
    }

    public PickleWriter Int(int value) => Op((byte)'J').Op(BitConverter.GetBytes(value));

    public PickleWriter Ints(int[] values)
    {
        Op((byte)'(');
        foreach (int v in values)
        {
            Int(v);
        }
        return Op((byte)'t');
    }

    public PickleWriter Tensor(long offset, int[] sizes, int[] strides, int storage, string key = "0") =>
        Global("torch._utils", "_rebuild_tensor_v2").Op((byte)'(').Op((byte)'(').Text("storage").Global("torch", "FloatStorage")
            .Text(key).Text("cpu").Int(storage).Op((byte)'t', (byte)'Q').Op(0x8a, 8).Op(BitConverter.GetBytes(offset))
            .Ints(sizes).Ints(strides).Op(0x89).Global("collections", "OrderedDict").Op((byte)')', (byte)'R', (byte)'t', (byte)'R');

    public byte[] ToArray() => [.. _bytes];
}
