"""What Ansible's own Python makes of single texts: values and lines of INI inventories, and files of settings.

stdin: JSON [{"as": "value" | "words" | "config", "text": text}]; stdout: JSON [{"json": ...} | {"error": name of the exception}].
"""
import configparser
import json
import sys
import warnings

from ansible.module_utils.common.json import AnsibleJSONEncoder
from ansible.plugins.inventory.ini import InventoryModule
from ansible.utils.shlex import shlex_split

warnings.simplefilter("ignore")


def read(case):
    text = case["text"]
    if case["as"] == "value":
        return InventoryModule._parse_value(text)
    if case["as"] == "words":
        return shlex_split(text, comments=True)
    parser = configparser.ConfigParser(inline_comment_prefixes=(";",))
    parser.read_string(text)
    return [[name, sorted((key, parser.get(name, key, raw=True)) for key in parser[name])] for name in parser.sections()]


def answer(case):
    try:
        return {"json": json.dumps(read(case), cls=AnsibleJSONEncoder)}
    except Exception as error:
        return {"error": type(error).__name__}


json.dump([answer(case) for case in json.load(sys.stdin)], sys.stdout)
