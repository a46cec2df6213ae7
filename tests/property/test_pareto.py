from hypothesis import given
from hypothesis import strategies as st

from poq.pareto import front

# A coarse grid, so that ties are common.
POINTS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda p: (p[0] / 4, p[1] / 4)),
    min_size=1,
    max_size=8,
)


def beats(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return a[0] >= b[0] and a[1] <= b[1] and a != b


@given(POINTS)
def test_a_point_is_on_the_front_unless_one_of_the_front_beats_it(
    points: list[tuple[float, float]],
) -> None:
    quality, seconds = zip(*points, strict=True)
    found = front(quality, seconds).tolist()
    best = [point for point, on in zip(points, found, strict=True) if on]
    assert best
    for point, on in zip(points, found, strict=True):
        assert on != any(beats(other, point) for other in best)


@given(POINTS, st.floats(0.1, 10), st.floats(0.1, 10))
def test_units_do_not_matter(
    points: list[tuple[float, float]], faster: float, better: float
) -> None:
    quality, seconds = zip(*points, strict=True)
    scaled = front([better * q for q in quality], [faster * s for s in seconds])
    assert scaled.tolist() == front(quality, seconds).tolist()
