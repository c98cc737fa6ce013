using System.CommandLine;
using System.Text.Json;
using Tcm.Kernels;

namespace Tcm.Cli.Commands;

/// <summary><c>tcm devices</c>: what <c>--device</c> can name here.</summary>
internal static class DevicesCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliHost host)
    {
        var json = new Option<bool>("--json") { Description = "As JSON: [{\"name\",\"description\",\"memoryBytes\"}]." };
        var command = new Command("devices", "List the devices that a model can run on.") { json };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(json))
            {
                host.Output.WriteLine(JsonSerializer.Serialize(Devices.List(), JsonSerializerOptions.Web));
                return ExitCode.Success;
            }
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
