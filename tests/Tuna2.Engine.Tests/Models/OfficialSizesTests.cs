using NUnit.Framework;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Tests.Models;

public class OfficialSizesTests
{
    private static ModelConfig Demo { get; } = ModelConfig.Load(Sessions.DemoModel.Directory);

    /// <summary>A model that makes another size by default.</summary>
    private static ModelConfig Of(int width, int height) => Demo with { Defaults = Demo.Defaults with { Width = width, Height = height } };

    [Test]
    public void The_list_is_the_official_one() =>
        Assert.That(string.Join(' ', OfficialSizes.All.Select(size => $"{size.Height}x{size.Width}")),
            Is.EqualTo("512x512 448x576 576x448 384x672 672x384 1024x1024 896x1152 1152x896 768x1344 1344x768"), "rows by columns, as MODEL.md has them");

    [TestCase("1:1", 512, 512)]
    [TestCase("4:3", 576, 448)]
    [TestCase("3:4", 448, 576)]
    [TestCase("16:9", 672, 384)]
    [TestCase("9:16", 384, 672)]
    public void A_shape_is_a_size_of_its_class(string shape, int width, int height)
    {
        Assert.That(OfficialSizes.OfShape(Of(512, 512), shape), Is.EqualTo(new PictureSize(width, height)));
        Assert.That(OfficialSizes.OfShape(Of(768, 1344), shape), Is.EqualTo(new PictureSize(2 * width, 2 * height)), "a model of the other class");
        Assert.That(OfficialSizes.OfShape(Of(512, 512), shape, 1024), Is.EqualTo(new PictureSize(2 * width, 2 * height)));
        Assert.That(OfficialSizes.OfShape(Demo, shape, 512), Is.EqualTo(new PictureSize(width, height)), "asked for, whatever the model");
    }

    [TestCase("1:1", 64, 64)]
    [TestCase("16:9", 80, 48)]
    [TestCase("9:16", 48, 80)]
    public void A_model_of_other_sizes_has_shapes_of_its_own(string shape, int width, int height) =>
        Assert.That(OfficialSizes.OfShape(Demo, shape), Is.EqualTo(new PictureSize(width, height)));

    [TestCase(4000, 3000, 576, 448)]
    [TestCase(1920, 1080, 672, 384)]
    [TestCase(1000, 1010, 512, 512)]
    [TestCase(1, 32768, 384, 672)]
    public void The_nearest_size_is_that_of_the_nearest_shape(int sourceWidth, int sourceHeight, int width, int height) =>
        Assert.That(OfficialSizes.Nearest(Of(512, 512), (double)sourceWidth / sourceHeight), Is.EqualTo(new PictureSize(width, height)));

    [TestCase(1, 32768)]
    [TestCase(32768, 1)]
    public void The_nearest_size_of_another_model_is_one_it_computes(int width, int height)
    {
        var size = OfficialSizes.Nearest(Demo, (double)width / height);
        Assert.That(() => new ImageOptions { Width = size.Width, Height = size.Height }.Validate(Demo), Throws.Nothing);
    }

    [Test]
    public void What_is_no_shape_and_no_class_is_refused()
    {
        Assert.That(() => OfficialSizes.OfShape(Demo, "2:1"), Throws.TypeOf<RequestException>().With.Message.Contains("16:9"));
        Assert.That(() => OfficialSizes.OfShape(Demo, "1:1", 768), Throws.TypeOf<RequestException>().With.Message.Contains("768"));
    }

    [Test]
    public void Only_a_size_off_the_list_of_a_model_on_the_list_is_warned_of()
    {
        Assert.That(new ImageOptions { Width = 48 }.Validate(Demo), Is.Empty);
        Assert.That(new ImageOptions().Validate(Of(512, 512)), Is.Empty);
        Assert.That(new ImageOptions { Width = 1152, Height = 896 }.Validate(Of(512, 512)), Is.Empty);
        Assert.That(new ImageOptions { Width = 640 }.Validate(Of(512, 512)), Is.EqualTo(new[]
        {
            "640x512 is none of the sizes the model was trained on (512x512, 576x448, 448x576, 672x384, 384x672, 1024x1024, 1152x896, 896x1152, 1344x768, 768x1344); the nearest is 576x448",
        }));
    }
}
