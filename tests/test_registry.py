import subprocess
import sys
import textwrap

import pytest

from t2t_multimodel import registry
from t2t_multimodel.errors import MultiModelError, UnknownNameError


def test_listing_names_imports_neither_tensorflow_nor_problems():
    code = (
        "import sys; from t2t_multimodel import registry; names = registry.problem_names();"
        "assert 'wsj_parsing' in names and 'mini_caption' in names;"
        "assert 'tensorflow' not in sys.modules;"
        "assert 't2t_multimodel.problems.mini.problems' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_nine_problems_of_both_suites_are_registered():
    mini = registry.expand_problems("mini")
    assert len(mini) == 9
    paper = registry.expand_problems("multimodel8")
    assert len(paper) == 8
    assert set(mini) | set(paper) | {"translate_defr"} <= set(registry.problem_names())


def test_every_problem_states_its_contract():
    for name in registry.problem_names():
        problem = registry.problem(name)
        if not type(problem).__module__.startswith("t2t_multimodel.problems"):
            continue  # a toy of another test
        assert problem.name == name
        assert problem.inputs.key
        assert problem.targets.key.startswith("class_label") or problem.command


def test_lists_join_problems_and_suites_without_repeats():
    names = registry.expand_problems("wsj_parsing, mini,mini_caption")
    assert names[0] == "wsj_parsing"
    assert len(names) == len(set(names)) == 10


@pytest.mark.parametrize(("text", "hint"), [("mini_captoin", "mini_caption"), ("wsj_parse", "wsj_parsing")])
def test_unknown_problem_suggests_the_nearest(text, hint):
    with pytest.raises(UnknownNameError, match=hint):
        registry.expand_problems(text)


def test_empty_list_is_an_error():
    with pytest.raises(MultiModelError, match="no problem named"):
        registry.expand_problems(" , ")


def test_usr_dir_registers_its_problems(tmp_path):
    (tmp_path / "my_own_problem.py").write_text(
        textwrap.dedent(
            """
            from t2t_multimodel.data.problem import Problem
            from t2t_multimodel.modalities import SymbolSpec
            from t2t_multimodel.registry import register_problem

            @register_problem("shouting")
            class Shouting(Problem):
                inputs = SymbolSpec()
                targets = SymbolSpec()
                command = "to_shouting"

                def examples(self, split, source):
                    yield {"inputs": "hello", "targets": "HELLO"}
            """
        )
    )
    registry.import_usr_dir(str(tmp_path))
    assert registry.problem("shouting").command == "to_shouting"


def test_a_name_of_the_project_is_not_replaced_though_its_module_was_not_imported(tmp_path):
    """The check reads the project's sources; in a process of its own nothing is imported before."""
    (tmp_path / "my_caption.py").write_text(
        textwrap.dedent(
            """
            from t2t_multimodel.registry import register_problem

            @register_problem("mini_caption")
            class Mine:
                pass
            """
        )
    )
    code = f"""
import sys
from t2t_multimodel import errors, registry
try:
    registry.import_usr_dir({str(tmp_path)!r})
except errors.MultiModelError as error:
    print(error)
assert "t2t_multimodel.problems.mini.problems" not in sys.modules
assert registry.problem("mini_caption").__module__ == "t2t_multimodel.problems.mini.problems"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for text in ("problem 'mini_caption'", "my_caption.py", "t2t_multimodel.problems.mini.problems", "rename"):
        assert text in done.stdout


def test_a_suite_is_replaced_neither_by_a_suite_nor_by_a_problem():
    before = registry.expand_problems("multimodel8")
    with pytest.raises(MultiModelError, match=rf"{__name__}.* is already a suite of t2t_multimodel.problems.suites"):
        registry.register_suite("multimodel8", ["mini_caption"])
    with pytest.raises(MultiModelError, match="is already a suite of"):
        registry.register_problem("multimodel8")(type("Mine", (), {}))
    with pytest.raises(MultiModelError, match=r"is already a problem of t2t_multimodel.problems.wsj_parsing"):
        registry.register_suite("wsj_parsing", ["mini_caption"])
    assert registry.expand_problems("multimodel8") == before


def test_an_hparams_set_is_not_replaced():
    with pytest.raises(MultiModelError, match=r"is already a hparams set of t2t_multimodel.hparams.multimodel"):
        registry.register_hparams("multimodel_mini")(lambda: None)


def test_a_module_may_register_its_names_again():
    for problems in (["mini_caption"], ["mini_caption", "mini_speech"]):
        registry.register_suite("again", problems)
    assert registry.expand_problems("again") == ["mini_caption", "mini_speech"]


def test_missing_usr_dir_names_the_cure(tmp_path):
    with pytest.raises(MultiModelError, match="is not a folder"):
        registry.import_usr_dir(str(tmp_path / "nothing"))
