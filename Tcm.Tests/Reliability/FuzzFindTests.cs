using Tcm.Bench.Fuzzing;

namespace Tcm.Tests.Reliability;

/// <summary>Inputs that fuzzing found, as it found them; each is refused now.</summary>
public sealed class FuzzFindTests
{
    [Theory]
    // A size whose products do not fit 64 bits passed the check and overflowed behind it.
    [InlineData("pixels", "BABbW////38AAAAAAAADAAAAAAAA")]
    // A zip's directory is read when it is first looked at, which was outside of what turns its errors into messages.
    [InlineData("labels-zip", "UEsDBBQAAAAAAFGCfV18M+XQFgAAABYAAAAMAAAAZ3RfaW1nXzEudHh0MSwyLDMwLDIsMzAsMTIsMSwxMixBClBLASICFAMUAAAAAABRgn1dfDPl0BYAAAAWAAAADAAAAAAAAAAAAAAApIEAAAAAZ3RfaW1nXzEudHh0UEsFBgAAAAABAAEAOgAAAEAAAAAAAA==")]
    public void Is_refused(string target, string input) => Assert.NotNull(FuzzTargets.Find(target).Refusal(Convert.FromBase64String(input)));
}
