using System.Globalization;
using System.Text.RegularExpressions;
using NativeBackprop.Interop;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Interop;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>Which library is taken for a product. What the environment says about it is in <c>ProductChoiceTests</c>.</summary>
[TestFixture, NonParallelizable]
internal sealed class ProductRuleTests
{
    private static readonly (bool TransposeA, long M, long N)[] _products =
        [(false, 1, 1), (true, 1, 1), (false, 64, 128), (true, 784, 128), (true, 4096, 4096), (false, 4096, 4096), (true, 0, 7)];

    private nb_isa _before;

    [SetUp]
    public void KeepLevel()
    {
        NativeLibraries.EnsureLoaded();
        _before = Kernels.nb_active_isa();
    }

    [TearDown]
    public void RestoreLevel() => Assert.That(Kernels.nb_set_isa(_before), Is.EqualTo(nb_status.NB_OK));

    private static ProductLibrary[] Choices(ProductLibrary asked) =>
        [.. _products.Select(product => ProductRule.Choose(asked, product.TransposeA, product.M, product.N))];

    [Test]
    public void What_is_asked_for_is_what_is_taken([Values(ProductLibrary.Own, ProductLibrary.OpenBlas)] ProductLibrary asked)
    {
        if (asked == ProductLibrary.OpenBlas)
        {
            OpenBlasPresence.Require();
        }

        Assert.That(ProductRule.Resolve(asked), Is.EqualTo(asked));
        Assert.That(Choices(asked), Is.All.EqualTo(asked));
    }

    [Test]
    public void The_choice_is_made_the_same_way_each_time_and_is_never_left_open()
    {
        OpenBlasPresence.Require();
        ProductLibrary[] choices = Choices(ProductLibrary.Auto);
        Assert.That(choices, Is.All.AnyOf(ProductLibrary.Own, ProductLibrary.OpenBlas));
        Assert.That(Choices(ProductLibrary.Auto), Is.EqualTo(choices));
    }

    [Test]
    public void Scalar_kernels_leave_products_to_OpenBLAS()
    {
        OpenBlasPresence.Require();
        Assert.That(Kernels.nb_set_isa(nb_isa.NB_ISA_SCALAR), Is.EqualTo(nb_status.NB_OK));
        Assert.That(Choices(ProductLibrary.Auto), Is.All.EqualTo(ProductLibrary.OpenBlas));
        Assert.That(ProductRule.Describe(), Does.StartWith("OpenBLAS, as"));
    }

    [Test]
    public void The_words_of_the_rule_say_what_is_chosen()
    {
        OpenBlasPresence.Require();
        string words = ProductRule.Describe();
        Match exception = Regex.Match(words, @"(Aᵀ·B|A·B) of at least (\d+) elements");
        if (!exception.Success)
        {
            bool isOwn = words.StartsWith("our own but for a single row", StringComparison.Ordinal);
            Assert.That(ProductRule.Choose(ProductLibrary.Auto, true, 4096, 4096),
                Is.EqualTo(isOwn ? ProductLibrary.Own : ProductLibrary.OpenBlas));
            return;
        }

        long least = long.Parse(exception.Groups[2].Value, CultureInfo.InvariantCulture);
        bool transposes = exception.Groups[1].Value == "Aᵀ·B";
        using (Assert.EnterMultipleScope())
        {
            Assert.That(words, Does.StartWith("our own but for "));
            Assert.That(ProductRule.Choose(ProductLibrary.Auto, transposes, least, 1), Is.EqualTo(ProductLibrary.OpenBlas));
            Assert.That(ProductRule.Choose(ProductLibrary.Auto, transposes, least - 1, 1), Is.EqualTo(ProductLibrary.Own));
            Assert.That(ProductRule.Choose(ProductLibrary.Auto, transposes, 1, least - 1), Is.EqualTo(ProductLibrary.OpenBlas));
        }
    }
}
