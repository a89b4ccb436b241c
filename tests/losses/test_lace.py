import pytest
import torch
from torch.nn import functional as F

from losses.lace import WhitenedCosineClassifier, lace
from tests.losses import golden


def golden_classifier(ridge):
    classifier = lace(ridge=ridge).make_classifier(6, 5).double()
    i, j = torch.meshgrid(torch.arange(6.0), torch.arange(6.0), indexing="ij")
    classifier.root.data = torch.eye(6) + 0.1 * (0.3 * i.double() + 0.6 * j.double()).cos()
    classifier.mean.data = 0.05 * torch.arange(6).double().sin()
    classifier.signatures.data = golden.weights()
    return classifier


def test_lace_has_the_golden_value():
    scores = golden_classifier(ridge=0.0)(golden.embeddings())

    assert lace()(scores, golden.LABELS).item() == pytest.approx(1.627218825, abs=6e-10)


def test_the_scores_are_the_cosines_after_whitening_with_the_eigenvectors():
    classifier, x = golden_classifier(ridge=0.01), golden.embeddings()
    covariance = classifier.root @ classifier.root.T + 0.01 * torch.eye(6)
    values, vectors = torch.linalg.eigh(covariance)

    scores = classifier(x)

    whitening = values.rsqrt()[:, None] * vectors.T
    of_x = (x - classifier.mean) @ whitening.T
    of_s = classifier.signatures @ whitening.T
    torch.testing.assert_close(scores, F.cosine_similarity(of_x[:, None], of_s[None], dim=2))


def test_the_scale_multiplies_the_cosines():
    torch.manual_seed(0)
    plain = lace().make_classifier(6, 5)
    scaled = lace(scale=8.0).make_classifier(6, 5)
    scaled.load_state_dict(plain.state_dict())
    x = torch.randn(3, 6)

    torch.testing.assert_close(scaled(x), 8 * plain(x))


def test_the_background_starts_as_white():
    classifier, x = WhitenedCosineClassifier(6, 5, scale=1.0, ridge=1e-4), torch.randn(3, 6)

    scores = classifier(x)

    shifted = x - classifier.mean
    cosines = F.cosine_similarity(shifted[:, None], classifier.signatures[None], dim=2)
    torch.testing.assert_close(scores, cosines)


@pytest.mark.parametrize("root", [torch.zeros(6, 6), torch.ones(6, 6)])
def test_the_ridge_keeps_a_singular_background_usable(root):
    classifier = lace().make_classifier(6, 5)
    classifier.root.data = root

    classifier(torch.randn(3, 6)).square().sum().backward()

    assert all(p.grad.isfinite().all() for p in classifier.parameters())


def test_a_background_that_cannot_be_whitened_shows_in_the_scores():
    classifier = lace(ridge=0.0).make_classifier(6, 5)
    classifier.root.data = torch.zeros(6, 6)

    assert classifier(torch.randn(3, 6)).isnan().all()


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"scale": 0.0}, r"scale must be positive, got 0\.0"),
        ({"ridge": -1e-4}, r"ridge must not be negative, got -0\.0001"),
    ],
)
def test_a_senseless_option_is_refused(options, rule):
    with pytest.raises(ValueError, match=rule):
        lace(**options)
