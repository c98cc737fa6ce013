using System.Text.RegularExpressions;

namespace Tcm.Tests.Gpu.Ptx;

/// <summary>Makes an instruction of a statement. The PTX ISA's section "Instruction Set" is the source of all that follows.</summary>
internal static partial class PtxDecoder
{
    public static PtxInstruction Decode(PtxProgram program, int line, string statement)
    {
        if (statement[^1] != ';')
        {
            throw new FormatException("a statement without its end");
        }
        var parts = Parts().Match(statement);
        if (!parts.Success)
        {
            throw new FormatException("no instruction");
        }
        string mnemonic = parts.Groups["mnemonic"].Value;
        var operands = new PtxOperands(program, parts.Groups["operands"].Value);
        var guard = parts.Groups["guard"].Success ? program.Register(parts.Groups["guard"].Value) : null;
        if (guard is { Width: not PtxWidth.Predicate })
        {
            throw new FormatException($"{guard.Name} is no predicate");
        }
        var flow = PtxFlow.Next;
        int target = 0;
        uint members = 0;
        PtxExecute? run = null;
        switch (mnemonic)
        {
            case "bra":
                operands.Expect(1);
                flow = PtxFlow.Branch;
                target = program.Label(operands.Text(0));
                break;
            case "ret" or "exit":
                operands.Expect(0);
                flow = PtxFlow.Exit;
                break;
            case "bar.sync":
                operands.Expect(1);
                flow = operands.Immediate(0) == 0 ? PtxFlow.Barrier : throw new FormatException("a barrier other than 0");
                break;
            default:
                run = PtxCollectives.Decode(mnemonic, operands, out members);
                flow = run is null ? PtxFlow.Next : PtxFlow.Collective;
                run ??= PtxArithmetic.Decode(mnemonic, operands) ?? PtxConversions.Decode(mnemonic, operands)
                    ?? PtxAccess.Decode(mnemonic, operands) ?? throw new FormatException($"unknown instruction {mnemonic}");
                break;
        }
        return new PtxInstruction
        {
            Line = line,
            Text = statement.Replace('\t', ' '),
            Mnemonic = mnemonic,
            Guard = guard,
            GuardNegated = parts.Groups["not"].Length > 0,
            Flow = flow,
            Target = target,
            Members = members,
            Run = run,
            Reads = operands.Reads,
            Writes = operands.Writes,
        };
    }

    [GeneratedRegex(@"^(?:@(?<not>!?)(?<guard>%?\w+)\s+)?(?<mnemonic>[a-z][\w.:]*)\s*(?<operands>[^;]*);$")]
    private static partial Regex Parts();
}
