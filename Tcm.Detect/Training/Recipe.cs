using System.Collections.ObjectModel;
using Tcm.Detect.Models;

namespace Tcm.Detect.Training;

/// <summary>
/// Everything that determines a training run: one readable JSON file (comments allowed) gives the same weights on the same
/// machine with the same number of threads. Lengths are in pixels, rates per step, fractions 0 to 1.
/// Not thread-safe while it is being changed.
/// </summary>
public sealed record Recipe
{
    /// <summary>For curves and messages.</summary>
    public string Name { get; set; } = "";

    /// <summary>What is trained; absent members have the values of the full-size TCM-DB.</summary>
    public TcmConfig Model { get; set; } = TcmConfig.FullSizeDb;

    /// <summary>
    /// Weight files to start from, the first that has a tensor wins; what none has is initialised at random. <c>tcm convert
    /// RN50.pt</c> makes one from CLIP.
    /// </summary>
    public IReadOnlyList<string> Initialization { get; set; } = [];

    /// <summary>Seed of everything random.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>Where pictures come from, with their shares.</summary>
    public IReadOnlyList<DataSection> Data { get; set; } = [];

    /// <summary>How pictures are varied.</summary>
    public AugmentationSection Augmentation { get; set; } = new();

    /// <summary>Pictures of one step.</summary>
    public int Batch { get; set; } = 16;

    /// <summary>Steps of the whole run.</summary>
    public int Steps { get; set; } = 1000;

    /// <summary>The optimiser and its schedule.</summary>
    public OptimizerSection Optimizer { get; set; } = new();

    /// <summary>Switches of the loss.</summary>
    public Heads.TrainingOptions Loss { get; set; } = new();

    /// <summary>Measurements along the way.</summary>
    public ValidationSection Validation { get; set; } = new();

    /// <summary>Steps between two saved states.</summary>
    public int CheckpointEvery { get; set; } = 200;

    /// <summary>Whether the backbone's stages are computed twice to save memory.</summary>
    public bool GradientCheckpointing { get; set; }
}

/// <summary>One member of the data mix. Not thread-safe while it is being changed.</summary>
public sealed record DataSection
{
    /// <summary>A label format (<c>icdar2015</c>, <c>td500</c>, <c>jsonl</c>, ...) or <c>synth</c> for rendered scenes.</summary>
    public string Dataset { get; set; } = "";

    /// <summary>Folder of the pictures; relative to the recipe.</summary>
    public string? Images { get; set; }

    /// <summary>Folder, zip or file of the labels; relative to the recipe.</summary>
    public string? Labels { get; set; }

    /// <summary><c>all</c>, <c>first:N</c> or <c>last:N</c> in name order; <c>-last:N</c> leaves the last N out.</summary>
    public string Select { get; set; } = "all";

    /// <summary>Share of the mix, relative to the other members.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>Settings of a renderer of scenes, passed on as they are: <c>backgrounds</c>, <c>fonts</c>, <c>level</c>, <c>size</c>.</summary>
    public IReadOnlyDictionary<string, string> Scenes { get; set; } =
        ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Overrides <see cref="AugmentationSection.Scale"/> for this member.</summary>
    public IReadOnlyList<double>? Scale { get; set; }
}

/// <summary>
/// Augmentation (training-and-eval.md section 5). Which members matter depends on the pipeline. Not thread-safe while it is being
/// changed.
/// </summary>
public sealed record AugmentationSection
{
    /// <summary>Side of the square canvas, a multiple of 32.</summary>
    public int Side { get; set; } = 640;

    /// <summary>
    /// <c>db</c>: mirror, rotation, scale, crop. <c>pan</c>: a resize relative to the canvas, mirror, rotation, a window that mostly
    /// shows text; knows no <see cref="Crop"/>. <c>fce</c>: a patch mirrored in place, a crop around whole texts, rotation,
    /// stretched or fitted to the canvas over a part of the picture; knows neither <see cref="Crop"/> nor
    /// <see cref="Scale"/>. Each may be used with any head.
    /// </summary>
    public string Pipeline { get; set; } = "db";

    /// <summary>
    /// <c>east</c> is the paper's: a rectangle of any size that cuts no text, scaled to the canvas. <c>window</c> resizes by a
    /// factor from <see cref="Scale"/> and takes a window of the canvas's size, mostly around a text: control over the size of
    /// text, for short runs on small canvases.
    /// </summary>
    public string Crop { get; set; } = "east";

    /// <summary>
    /// Range of the factor by which a picture is resized before cropping, drawn evenly on a logarithmic scale. Without effect
    /// with <c>east</c>, which scales the crop to the canvas. With <c>pan</c> drawn evenly, and 1 makes the shorter side as long as
    /// the canvas's.
    /// </summary>
    public IReadOnlyList<double> Scale { get; set; } = [0.5, 3.0];

    /// <summary>With <c>window</c> and <c>pan</c>: width is stretched against height by up to this factor, either way.</summary>
    public double Aspect { get; set; } = 1;

    /// <summary>Range of the rotation, degrees to either side.</summary>
    public double Rotation { get; set; } = 10;

    /// <summary>Probability of a mirrored picture.</summary>
    public double Flip { get; set; } = 0.5;

    /// <summary>Brightness is multiplied by 1 plus or minus up to this.</summary>
    public double Brightness { get; set; } = 32.0 / 255;

    /// <summary>Saturation is multiplied by 1 plus or minus up to this.</summary>
    public double Saturation { get; set; } = 0.5;

    /// <summary>Contrast is multiplied by 1 plus or minus up to this (<c>fce</c>).</summary>
    public double Contrast { get; set; }

    /// <summary>False turns all of it off: pictures are only fitted into the canvas.</summary>
    public bool Enabled { get; set; } = true;
}

/// <summary>Optimiser and learning rate. Not thread-safe while it is being changed.</summary>
public sealed record OptimizerSection
{
    /// <summary><c>sgd</c>, <c>adam</c>, <c>adamw</c> or <c>ranger</c>.</summary>
    public string Name { get; set; } = "ranger";

    /// <summary>Learning rate at the top of the schedule.</summary>
    public double Rate { get; set; } = 1e-3;

    /// <summary>Momentum of SGD.</summary>
    public double Momentum { get; set; } = 0.9;

    /// <summary>Weight decay.</summary>
    public double Decay { get; set; }

    /// <summary><c>poly</c> (power 0.9, as the paper), <c>cosine</c> or <c>constant</c>.</summary>
    public string Schedule { get; set; } = "poly";

    /// <summary>Steps in which the rate rises linearly from almost 0.</summary>
    public int WarmUp { get; set; }

    /// <summary>Largest norm of all gradients together; 0 does not clip.</summary>
    public double ClipNorm { get; set; }

    /// <summary>Decay of the moving average of the weights, which is what is validated and saved; 0 for none.</summary>
    public double Average { get; set; }

    /// <summary>
    /// Factors of the learning rate by substring of the parameter's name, the longest match wins; 0 freezes. The default is
    /// the paper's.
    /// </summary>
    public IReadOnlyDictionary<string, double> RateFactors { get; set; } =
        new Dictionary<string, double> { ["text_encoder"] = 0, ["backbone"] = 0.1 };
}

/// <summary>When and on what the model is measured while it learns. Not thread-safe while it is being changed.</summary>
public sealed record ValidationSection
{
    /// <summary>Steps between two measurements; 0 for none.</summary>
    public int Every { get; set; }

    /// <summary>Datasets; shares mean nothing here.</summary>
    public IReadOnlyList<DataSection> Data { get; set; } = [];

    /// <summary>Shorter side to which pictures are resized.</summary>
    public int ShortSide { get; set; } = 736;

    /// <summary>Most pictures of a dataset; 0 for all.</summary>
    public int Limit { get; set; }

    /// <summary>Settings of post-processing by name, as <c>tcm eval</c> has them: <c>"threshold": 0.3</c>.</summary>
    public IReadOnlyDictionary<string, double> PostProcessing { get; set; } = ReadOnlyDictionary<string, double>.Empty;

    /// <summary>Example pictures to draw at each measurement.</summary>
    public int Examples { get; set; } = 4;
}
