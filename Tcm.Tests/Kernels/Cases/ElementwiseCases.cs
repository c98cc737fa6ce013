using Tcm.Kernels;
using Tcm.Kernels.Elementwise;

namespace Tcm.Tests.Kernels.Cases;

internal static class ElementwiseCases
{
    public static IEnumerable<KernelCase> All()
    {
        foreach (int n in new[] { 1, 3, 4, 8, 15, 16, 17, 31, 1021, 70_001 })
        {
            foreach (var activation in Enum.GetValues<Activation>())
            {
                yield return new($"{activation} {n}", [n], n, (b, _, x, y) => b.Elementwise.Activate(activation, x[0], y))
                { Range = 12 };
                yield return new($"{activation} in place {n}", [n], n,
                    (b, _, x, y) => b.Elementwise.Activate(activation, x[0], y))
                { Range = 3, InPlace = 0 };
            }
            yield return new($"Affine {n}", [n], n, (b, _, x, y) => b.Elementwise.Affine(0.7f, -0.3f, x[0], y));
            yield return new($"Affine in place {n}", [n], n, (b, _, x, y) => b.Elementwise.Affine(-2, 5, x[0], y))
            { InPlace = 0 };
            yield return new($"AddScaled {n}", [n, n], n, (b, _, x, y) => b.Elementwise.AddScaled(0.6f, x[0], x[1], y));
            yield return new($"AddScaled in place {n}", [n, n], n, (b, _, x, y) => b.Elementwise.AddScaled(3, x[0], x[1], y))
            { InPlace = 0 };
        }
        foreach (var broadcast in new[]
        {
            Broadcast.Full(1), Broadcast.Full(37), Broadcast.Full(70_003),
            Broadcast.Rows(1, 5), Broadcast.Rows(7, 1), Broadcast.Rows(9, 17), Broadcast.Rows(70, 1024),
            Broadcast.Channels(1, 3, 64), Broadcast.Channels(2, 5, 49), Broadcast.Channels(2, 33, 1600),
            new Broadcast(4, 6, 3, 6), new Broadcast(4, 6, 3, 9), new Broadcast(5, 7, 1, 7), new Broadcast(5, 7, 1, 11),
            new Broadcast(9, 1, 1, 3), new Broadcast(3, 1, 20_000, 1), new Broadcast(1, 1, 17, 0),
        })
        {
            int length = (int)broadcast.Length, operand = (int)broadcast.OperandLength;
            foreach (var op in Enum.GetValues<BinaryOp>())
            {
                yield return new($"{op} {broadcast}", [length, operand], length,
                    (b, _, x, y) => b.Elementwise.Binary(op, broadcast, x[0], x[1], y))
                { Atol = 0, Rtol = 1e-7f };
            }
            yield return new($"Add in place {broadcast}", [length, operand], length,
                (b, _, x, y) => b.Elementwise.Binary(BinaryOp.Add, broadcast, x[0], x[1], y))
            { InPlace = 0 };
        }
    }
}
