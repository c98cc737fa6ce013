using System.CommandLine;
using Tcm.Kernels;

namespace Tcm.Cli.Commands;

/// <summary><c>tcm devices</c>: what <c>--device</c> can name here.</summary>
internal static class DevicesCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliHost host)
    {
        var command = new Command("devices", "List the devices that a model can run on.");
        command.SetAction(_ =>
        {
            foreach (var device in Devices.List())
            {
                string memory = device.MemoryBytes > 0 ? $"  {device.MemoryBytes / (1 << 20)} MB" : "";
                host.Output.WriteLine($"{device.Name,-10} {device.Description}{memory}");
            }
            return ExitCode.Success;
        });
        return command;
    }
}
