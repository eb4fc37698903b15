"""Resolves expressions as Ansible does in a play: its own inventory, variables and templating, in one Python.

stdin: JSON {"source": path, "host": name, "texts": [text, ...]}; stdout: JSON [{"value": anything} | {"error": class}, ...].
"""
import json
import sys

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

question = json.load(sys.stdin)
loader = DataLoader()
inventory = InventoryManager(loader=loader, sources=[question["source"]])
manager = VariableManager(loader=loader, inventory=inventory)
variables = manager.get_vars(host=inventory.get_host(question["host"]))
variables["hostvars"] = HostVars(inventory=inventory, variable_manager=manager, loader=loader)
try:
    from ansible.template import trust_as_template
except ImportError:
    def trust_as_template(text):
        return text
answers = []
for text in question["texts"]:
    try:
        answers.append({"value": Templar(loader=loader, variables=variables).template(trust_as_template(text))})
    except Exception as error:
        answers.append({"error": type(error).__name__})
json.dump(answers, sys.stdout, default=str)
