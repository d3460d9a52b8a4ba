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


def test_missing_usr_dir_names_the_cure(tmp_path):
    with pytest.raises(MultiModelError, match="is no folder"):
        registry.import_usr_dir(str(tmp_path / "nothing"))
