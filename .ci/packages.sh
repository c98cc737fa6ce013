#!/usr/bin/env bash
# The packages as somebody meets them who has nothing else: packed into a feed of their own, restored by a fresh program outside
# the repository, which finds text in a picture; the same program trimmed; the tool; the sample of the job scripts.
# After `dotnet build Tcm.sln -c Release`. A folder as argument keeps the packages and the trimmed program there.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 ContinuousIntegrationBuild=true
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
picture=$root/Tcm.Tests/Assets/sample.png
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' Directory.Build.props)
hosting=$(sed -n 's:.*Include="Microsoft.Extensions.Hosting" Version="\(.*\)" />.*:\1:p' Directory.Packages.props)
skia=$(sed -n 's:.*Include="SkiaSharp" Version="\(.*\)" />.*:\1:p' Directory.Packages.props)

# A new user's path, step by step.
timed() {
    local name=$1 start=$(date +%s%N)
    shift
    "$@"
    echo "$name: $((($(date +%s%N) - start) / 1000000)) ms" >>"$work/times.txt"
}

echo "-- the console sample, in the repository"
dotnet run -c Release --no-build --project samples/Console -- "$picture" | tee "$work/expected.txt"
test -s "$work/expected.txt"

echo "-- pack"
dotnet pack Tcm.sln -c Release --no-build -v q -o "$work/feed"
for name in Tcm.Kernels Tcm.Nn Tcm.Detect tcm; do
    test -s "$work/feed/$name.$version.nupkg"
    test -s "$work/feed/$name.$version.snupkg"
done
test "$(find "$work/feed" -type f | wc -l)" = 8
du -b "$work/feed"/*.nupkg

# Packages go into a folder of this run: one of the same version must not survive it. Others are taken from where the machine has
# them already, and from its configured sources otherwise.
machine=$(dotnet nuget locals global-packages --list | sed 's/^[^:]*: *//')
export NUGET_PACKAGES=$work/packages
mkdir "$work/app"
cat >"$work/nuget.config" <<XML
<configuration>
  <packageSources><add key="local" value="feed" /></packageSources>
  <fallbackPackageFolders><add key="machine" value="$machine" /></fallbackPackageFolders>
</configuration>
XML
cat >"$work/app/app.csproj" <<XML
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Tcm.Detect" Version="$version" />
    <PackageReference Include="SkiaSharp" Version="$skia" />
    <PackageReference Include="SkiaSharp.NativeAssets.Linux.NoDependencies" Version="$skia" />
  </ItemGroup>
</Project>
XML
cp samples/Console/Program.cs "$work/app/"
cd "$work/app"

echo "-- a program that has the package"
timed restore dotnet restore -v q
timed build dotnet build -c Release -v q --no-restore -o "$work/plain"
cmp "$work/feed/Tcm.Detect.$version.nupkg" "$work/packages/tcm.detect/$version/tcm.detect.$version.nupkg"
timed "first picture" dotnet "$work/plain/app.dll" "$picture" >"$work/first.txt"
timed "second picture" dotnet "$work/plain/app.dll" "$picture" >"$work/second.txt"
diff "$work/expected.txt" "$work/first.txt"
diff "$work/expected.txt" "$work/second.txt"
cat "$work/times.txt"

echo "-- the same, trimmed and self-contained"
trimmed=(-r linux-x64 -p:SelfContained=true -p:PublishTrimmed=true)
if dotnet restore "${trimmed[@]}" >"$work/restore.txt" 2>&1; then
    dotnet publish -c Release -v q --no-restore "${trimmed[@]}" -o "$work/trimmed"
    "$work/trimmed/app" "$picture" | diff "$work/expected.txt" -
    # The path on the CPU takes nothing of ILGPU along.
    test ! -e "$work/trimmed/ILGPU.dll"
    du -sb "$work/trimmed"

    echo "-- in a host, trimmed too: the whole of registration, configuration and health check"
    mkdir "$work/hosted"
    sed 's:<PackageReference Include="SkiaSharp" .*/>:<PackageReference Include="Microsoft.Extensions.Hosting" Version="'"$hosting"'" />:; /SkiaSharp/d' \
        "$work/app/app.csproj" >"$work/hosted/app.csproj"
    cp "$root/.ci/hosted.cs" "$work/hosted/"
    cd "$work/hosted"
    dotnet publish -c Release -v q "${trimmed[@]}" -o "$work/hosted/out"
    "$work/hosted/out/app" | tee "$work/hosted.txt"
    test "$(cat "$work/hosted.txt")" = "0 regions, Healthy"
elif grep -q 'NU1101\|NU1301' "$work/restore.txt"; then
    # Packs of the runtime and of the linker come from the configured sources, which a machine need not reach.
    echo "SKIPPED: the packs for a trimmed program are not to be had here"
else
    cat "$work/restore.txt"
    exit 1
fi

echo "-- the tool"
cd "$work"
dotnet tool install tcm --version "$version" --tool-path "$work/tools" --configfile "$work/nuget.config"
"$work/tools/tcm" detect "$picture" --json "$work/regions.json"
test "$(grep -o '"score"' "$work/regions.json" | wc -l)" = "$(wc -l <"$work/expected.txt")"

echo "-- the job script, for two parts, the first one cut and started again"
part() {
    SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_ID=$1 SLURM_CPUS_PER_TASK=2 TCM=$work/tools/tcm \
        "$root/samples/jobs/slurm.sh" "$root/Tcm.Tests/Assets" "$work/results"
}
part 0
part 1
truncate -s -10 "$work/results/shard-0.jsonl"
part 0
test "$(cat "$work/results"/*.jsonl | grep -c '"regions"')" = "$(find "$root/Tcm.Tests/Assets" -type f | wc -l)"

if [ $# -gt 0 ]; then
    mkdir -p "$1"
    cp -r "$work/feed" "$work/app" "$work/nuget.config" "$1"
    test ! -d "$work/trimmed" || cp -r "$work/trimmed" "$1"
fi
