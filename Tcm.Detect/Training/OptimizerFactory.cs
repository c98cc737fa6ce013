using Tcm.Kernels;
using Tcm.Nn.Autograd;
using Tcm.Nn.Optimization;

namespace Tcm.Detect.Training;

/// <summary>From the names in a recipe to optimisers, schedules and averages.</summary>
internal static class OptimizerFactory
{
}
