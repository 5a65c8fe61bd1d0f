"""The sample configuration is what the options say."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def test_sample_is_up_to_date(tmp_path: pathlib.Path) -> None:
    made = tmp_path / "sample"
    generator = pathlib.Path(sys.executable).with_name("oslo-config-generator")
    subprocess.run(
        [generator, "--config-file", "etc/config-generator.conf", "--output-file", made],
        cwd=ROOT,
        check=True,
    )
    kept = (ROOT / "etc/craton-maintenance.conf.sample").read_text()
    assert made.read_text() == kept, (
        "run: oslo-config-generator --config-file etc/config-generator.conf"
    )
