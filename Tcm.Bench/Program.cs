using Tcm.Bench;

return BenchCommands.Root().Parse(args).Invoke();
