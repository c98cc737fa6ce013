using System.CommandLine;

namespace Tcm.Cli.Commands;

internal static class ConvertCommand
{
    public static Command Create(CliHost host) => new("convert", "");
}
