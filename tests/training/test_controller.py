from t2t_multimodel.training.loop.controller import Controller


def train_step(step):
    return f"problem{step % 2}", {"loss": step / 10}


def test_actions_see_each_step_in_their_order():
    seen = []
    actions = [lambda output: seen.append(("first", output)), lambda output: seen.append(("second", output))]
    controller = Controller(train_step, step=3)
    assert controller.run(6, actions) == controller.step == 6
    assert [(name, output.step) for name, output in seen] == [
        (name, step) for step in (4, 5, 6) for name in ("first", "second")
    ]
    outputs = [output for name, output in seen if name == "first"]
    assert [output.problem for output in outputs] == ["problem1", "problem0", "problem1"]
    assert [output.values["loss"] for output in outputs] == [0.3, 0.4, 0.5]
    assert [output.last for output in outputs] == [False, False, True]


def test_an_action_ends_the_run_after_the_others():
    seen = []
    controller = Controller(train_step)
    assert controller.run(10, [lambda output: output.step == 2, lambda output: seen.append(output.step)]) == 2
    assert seen == [1, 2]
    assert controller.run(4) == 4


def test_a_finished_run_makes_no_step():
    assert Controller(None, step=5).run(5) == 5
