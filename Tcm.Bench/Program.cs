using Tcm.Bench;

if (args is ["fuzz", ..])
{
    Tcm.Bench.Fuzzing.FuzzCommand.AcceptInstrumentation();
}
return BenchCommands.Root().Parse(args).Invoke();
