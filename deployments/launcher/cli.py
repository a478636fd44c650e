"""The console command `grocery-sidecar`: run, check, doctor, backup and restore."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import yaml

from deployments.launcher import hardware, main, preflight
from deployments.launcher.config import ConfigError, LauncherConfig, load_config, load_settings
from deployments.launcher.doctor import examine
from jobs.storage.backup import BackupError, restore, save


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status, 0 for success."""
    parser = argparse.ArgumentParser(prog="grocery-sidecar", description=__doc__)
    parser.add_argument("--version", action="version", version=version("grocery-sidecar"))
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in (
        ("run", "run the service until Ctrl-C"),
        ("check", "say whether this configuration can run here, and on what hardware"),
        ("doctor", "describe this machine and installation, for a report of a problem"),
        ("fitted", "print the configuration as it is fitted to the GPUs of the running service"),
    ):
        command = commands.add_parser(name, help=help_text, description=help_text)
        main.add_arguments(command)
    command = commands.add_parser("backup", help="copy the data folder while the service runs")
    command.add_argument("target", type=Path, help="a new folder")
    command = commands.add_parser("restore", help="restore a backup for a stopped service")
    command.add_argument("source", type=Path, help="a folder that `backup` made")
    actions = {"check": _check, "doctor": _doctor, "fitted": _fitted}
    options = parser.parse_args(arguments)
    try:
        match options.command:
            case "run":
                return main.run(options.config, options.host)
            case "backup":
                summary = save(_data_dir(), options.target)
                sys.stdout.write(f"{summary.describe(options.target)}\n")
            case "restore":
                summary = restore(options.source, _data_dir())
                sys.stdout.write(f"{summary.describe(_data_dir())}\n")
            case command_name:
                config = load_config(options.config, host=options.host)
                return actions[command_name](config)
    except (ConfigError, BackupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _check(config: LauncherConfig) -> int:
    if (problem := preflight.problem(config)) is not None:
        raise ConfigError(problem)
    _, placement = hardware.fit(config)
    sys.stdout.write(f"Hardware: {placement.reason}.\nNothing keeps the service from starting.\n")
    return 0


def _fitted(config: LauncherConfig) -> int:
    sys.stdout.write(yaml.safe_dump(hardware.fit_again(config).serve, sort_keys=False))
    return 0


def _doctor(config: LauncherConfig) -> int:
    findings = examine(config)
    for finding in findings:
        sys.stdout.write(f"{'ok  ' if finding.ok else 'LOOK'}  {finding.text}\n")
    return 0 if all(finding.ok for finding in findings) else 1


def _data_dir() -> Path:
    return load_settings({}).data_dir


if __name__ == "__main__":
    sys.exit(run_command())
