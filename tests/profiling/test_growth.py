import json

import pytest

from pipeline.inputs import enlarge
from profiling.answers import LineCost, Workload, parsed_answer
from profiling.campaign import Base, Campaign
from profiling.hotlines import hot_lines
from profiling.inside import lines
from profiling.inside.growth import Ground, Limits, climb
from profiling.inside.programs import Program, load
from profiling.inside.timing import clock_ns
from tests.profiling.runs import PLAN, ask

LINEAR = "def f(xs):\n    return len(set(xs)) == len(xs)\n"
QUADRATIC = "def f(xs):\n    return not any(x in xs[:i] for i, x in enumerate(xs))\n"


def base(call: str) -> Base:
    return Base(call, enlarge.shapes(call), enlarge.natural_size(call), enlarge.largest_size(call))


def measured(*codes: str, calls: tuple[str, ...]):
    return Campaign(codes, "f", 3, PLAN, ask).growing([base(call) for call in calls])


def test_inputs_grow_until_complexity_shows():
    found = measured(LINEAR, QUADRATIC, calls=("f([3, 1, 2])",))
    assert found.workload.size > 100
    claim = found.claim(1, 0)
    assert claim.certified(1.05)
    assert found.checks  # other shapes on which both agreed
    processes, of_the_other = (set(times) for times in found.times)
    assert processes == of_the_other >= {0, 1}  # more where two differ, which is the machine's affair


def test_an_input_on_which_solutions_leave_early_is_not_chosen_where_another_is_hard():
    # On repeated elements both leave at the second one.
    found = measured(LINEAR, QUADRATIC, calls=("f([1, 1, 2])", "f([3, 1, 2])"))
    assert found.claim(1, 0).certified(1.05)


def test_one_program_that_leaves_early_does_not_let_the_others_climb_away_from_what_is_hard_for_it():
    # Four linear programs reach a hundred times the size on inputs where the quadratic one leaves at once.
    linear = [LINEAR + f"\nFORM = {number}\n" for number in range(4)]
    leaves_early = "def f(xs):\n    return all(x not in xs[:i] for i, x in enumerate(xs))\n"
    found = measured(*linear, leaves_early, calls=("f([1, 1, 2])", "f([3, 1, 2])"))
    assert found.dropped == {}
    assert found.claim(4, 0).ratio > 5


def test_a_size_at_which_a_slow_program_happens_to_leave_early_is_not_measured():
    steady = "def f(n):\n    for _ in range(n):\n        pass\n    return 0\n"
    lucky = "def f(n):\n    for _ in range(20 * n if n < 1500 else 1):\n        pass\n    return 0\n"
    found = measured(steady, lucky, calls=("f(40)",))
    assert found.claim(1, 0).ratio > 5


def test_of_two_programs_that_take_as_long_on_every_input_neither_is_said_to_grow():
    grows = "def f(n):\n    for _ in range(n):\n        pass\n    return 0\n"
    constant = "def f(n):\n    return 0\n"
    found = measured(grows, constant, constant + "# another\n", calls=("f(40)",))
    assert [found.grew(index) for index in range(3)] == [True, False, False]


@pytest.mark.parametrize("burst_at", range(40))
def test_one_burst_of_the_machine_does_not_choose_the_workload(burst_at):
    calls_so_far = iter(range(1_000_000))

    def either(xs):
        """Leaves early where an element is 7, and once, at any input, is held up for 2 ms."""
        if next(calls_so_far) == burst_at:
            until = clock_ns() + 2_000_000
            while clock_ns() < until:
                pass
        for _ in xs if xs[0] != 7 else ():
            pass

    program = Program(compile("", "", "exec"), "f", keeps_state=False, shared=either)
    limits = Limits(target_s=1e-4, call_s=0.01, total_s=0.02, growth_s=1.0)
    grounds = [
        Ground(
            [program],
            call,
            3,
            ("tiled",),
            enlarge.MAX_ELEMENTS,
            lambda shape, size, call=call: enlarge.enlarge(call, shape, size, 1),
            limits,
            clock_ns() + 10**9,
        )
        for call in ("f([7, 1, 7])", "f([3, 1, 3])")
    ]
    chosen = climb(grounds)[0]
    assert (chosen.ground.call, chosen.ended) == ("f([3, 1, 3])", "enough")


def test_growth_stops_where_solutions_part():
    right = "def f(n):\n    return len([i for i in range(n) if i % 2])\n"
    wrong_above_a_hundred = right.replace("return", "return 7 if n > 100 else")
    found = measured(right, wrong_above_a_hundred, calls=("f(3)",))
    assert found.workload.size < 100
    assert found.dropped == {}


def test_a_program_that_is_not_measured_leaves_the_others_their_own_figures():
    grows = "def f(n):\n    for _ in range(n):\n        pass\n    return 0\n"
    constant = "def f(n):\n    return 0\n"
    found = measured("import gc\n" + constant, constant, grows, calls=("f(40)",))
    assert found.dropped == {0: "reaches_outside"}
    assert [found.grew(index) for index in found.live] == [False, True]


def test_an_input_with_nothing_in_it_among_others_does_not_end_the_measurement():
    turned = "def f(xs, k):\n    return [xs[(i + k) % len(xs)] for i in range(len(xs))]\n"
    found = measured(turned, turned + "# another\n", calls=("f([], 3)", "f([1, 2, 3, 4], 2)"))
    assert found.workload is not None
    assert found.live == (0, 1)


def test_exponential_cost_is_approached_with_care():
    slow = "def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\n"
    quick = "def f(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n"
    found = measured(quick, slow, calls=("f(6)",))
    assert found.dropped == {}
    assert found.claim(1, 0).ratio > 5


def test_solutions_that_never_agree_have_no_workload_and_no_claim():
    found = measured("def f(n):\n    return n\n", "def f(n):\n    return -n\n", calls=("f(5)",))
    assert found.workload is None
    assert found.ended == "as_written_disagree"
    assert found.claim(0, 1) is None


@pytest.mark.parametrize("call", ["f(2000)", "f(2.5)"])
def test_what_takes_no_longer_on_larger_inputs_is_not_measured(call):
    # Each of the two is faster on some inputs, whatever their size.
    one = "def f(n):\n    return True if n % 4 == 0 else n % 6 == 0\n"
    other = "def f(n):\n    return True if n % 6 == 0 else n % 4 == 0\n"
    found = measured(one, other, calls=(call,))
    assert (found.workload, found.ended, found.claim(0, 1)) == (None, "flat", None)


def test_constant_against_growing_time_is_measured():
    formula = "def f(n):\n    return n * (n - 1) // 2\n"
    bits = "def f(n):\n    k = n\n    while k:\n        k //= 2\n    return n * (n - 1) // 2\n"
    assert measured(formula, bits, calls=("f(3)",)).claim(1, 0).certified(1.05)


def test_a_rewrite_must_agree_on_the_check_workloads_too():
    found = measured(LINEAR, QUADRATIC, calls=("f([3, 1, 2])",))
    wrong = "def f(xs):\n    return True\n"
    campaign = Campaign((LINEAR, wrong), "f", 3, PLAN, ask)
    again = campaign.on(found.workload, found.small, found.checks)
    assert again.dropped == {1: "differs"}
    assert again.claim(0, 1) is None


def test_on_a_workload_that_others_climbed_to_it_is_seen_anew_who_grew_and_who_agrees():
    grows = "def f(n):\n    for _ in range(n):\n        pass\n    return n > 0\n"
    constant, wrong_as_written = "def f(n):\n    return n > 0\n", "def f(n):\n    return n > 40\n"
    found = measured(grows, constant, calls=("f(40)",))
    programs = (constant, constant + "# another\n", grows, wrong_as_written)
    again = Campaign(programs, "f", 3, PLAN, ask).on(
        found.workload, found.small, (), Workload("f(40)", "as_written", 40)
    )
    assert again.dropped == {3: "differs"}
    assert [again.comparable(0, index) for index in (1, 2)] == [False, True]


def test_a_dead_worker_is_no_speedup():
    campaign = Campaign((LINEAR, QUADRATIC), "f", 3, PLAN, lambda _: None)
    found = campaign.growing([base("f([3, 1, 2])")])
    assert (found.workload, found.ended, found.live) == (None, "no_answer", ())


def test_forged_answers_are_no_answers():
    good = {"dropped": {}, "workload": ["f(1)", "odd", 3], "ended": "enough", "ladder": [], "checks": []}
    assert parsed_answer(json.dumps(good).encode(), 1) is not None
    for forged in (
        b"",
        b"[]",
        b"{" * 100_000,
        json.dumps(good | {"seconds": [[float("nan")]]}).encode(),
        json.dumps(good | {"seconds": [[-1.0]]}).encode(),
        json.dumps(good | {"seconds": [[1.0], [1.0]]}).encode(),
        json.dumps(good | {"seconds": [["quick"]]}).encode(),
        json.dumps(good | {"workload": [1, 2, 3]}).encode(),
    ):
        assert parsed_answer(forged, 1) is None


@pytest.mark.parametrize(
    "forged",
    [
        {"dropped": {"7": "fails"}},
        {"dropped": {"-1": "fails"}},
        {"ended": "\ud800"},
        {"workload": ["f(1)", "odd", 2**70]},
        {"peaks": [2**70, 1]},
        {"peaks": [-5, 1]},
        {"loops": [True, 1]},
        {"ladder": [[3, [1.0]]]},
    ],
)
def test_an_answer_that_fits_no_table_or_speaks_of_other_programs_is_none(forged):
    sound = {"dropped": {}, "workload": ["f(1)", "odd", 9], "ended": "enough", "checks": [], "ladder": []}
    assert parsed_answer(json.dumps(sound).encode(), 2) is not None
    assert parsed_answer(json.dumps(sound | forged).encode(), 2) is None


def test_hot_lines_show_share_hits_memory_and_code_of_what_counts():
    code = "def f(n):\n    xs = [0] * n\n    return sum(xs)\n"
    lines = [LineCost(2, 3e-6, 1, 8_000_056), LineCost(3, 1e-6, 1, 12), LineCost(1, 1e-9, 0, 0)]
    assert hot_lines(code, lines) == "2|75%|1|+8.0MB|xs = [0] * n\n3|25%|1||return sum(xs)"
    assert hot_lines(code, []) == ""


def test_a_form_feed_inside_a_line_does_not_shift_the_hot_lines():
    code = "def f():\n    x = '\f'\n    return x\n"
    assert hot_lines(code, [LineCost(3, 1e-6, 1, 0)]) == "3|100%|1||return x"


def test_where_tracing_costs_more_than_every_line_the_hot_lines_follow_the_hits(monkeypatch):
    monkeypatch.setattr(lines, "clock_ns", lambda: 0)
    code = "def f(n):\n    for _ in range(n):\n        pass\n    return n\n"
    function = load(code, "f").shared
    found = [LineCost(*line) for line in lines.line_profile(lambda: lambda: function(9)).lines]
    shares = [line.split("|")[:3] for line in hot_lines(code, found).splitlines()]
    assert shares == [["2", "50%", "10"], ["3", "45%", "9"], ["4", "5%", "1"]]
