import json
import subprocess
import sys

from sms_samples import PAYBILL, ROOT, SAMPLES


def run(lines):
    return subprocess.run(
        [sys.executable, "-m", "tools.mobile_money"],
        cwd=ROOT,
        input="".join(line + "\n" for line in lines).encode(),
        capture_output=True,
        check=False,
    )


def test_the_command_reads_and_writes_json_lines():
    done = run(json.dumps(sample) for sample in SAMPLES)
    assert done.stderr == b""
    assert done.returncode == 0
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"id": sample["id"], **sample["expect"]} for sample in SAMPLES
    ]


def test_the_command_names_the_bad_lines_and_reads_the_others():
    good = json.dumps({"id": 7, "sender": "MPESA", "text": PAYBILL})
    done = run(
        [
            good,
            "{",
            "",
            "[1]",
            '{"id": 1}',
            '{"text": 5}',
            "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
            good,
            '{"text": "", "sender": 5}',
        ]
    )
    assert done.returncode == 1
    read_back = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["id"] for row in read_back] == [7, 7]
    assert read_back[0]["amount"] == "1250.00"
    errors = done.stderr.decode().splitlines()
    assert [error.split(":")[0] for error in errors] == [
        f"Line {number}" for number in (2, 4, 5, 6, 7, 9)
    ]
    assert '"text" is missing' in errors[2]
