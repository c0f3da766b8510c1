"""Two policies that each use every treatment, and folders of schemas under them. Writes files."""

import shutil
from pathlib import Path

from analytics_platform_tests.proofs.report import ROOT

FIRST = {"person": "keep", "name": "encrypt", "email": "tokenise", "payment": "mask", "address": "drop"}
LATER = {"person": "tokenise", "name": "tokenise", "email": "mask", "payment": "drop", "address": "encrypt"}
TAGS = {
    "persons": {"id": "person", "name": "name", "emailAddress": "email", "creditCard": "payment"}
    | {"city": "address", "state": "address"},
    "bids": {"bidder": "person"},
    "auctions": {"seller": "person"},
}
# the auction house's own contract demands a city and a card, one of which each of these drops
CONTRACT = """\
dataset: platform/main/persons
description: What a batch of persons must be before any of it is published.
check_attributes:
  owner: team:auctions
columns:
  - name: id
    checks:
      - missing:
          name: every person has a number
"""


def schemas_under(folder: Path, policy: dict[str, str]) -> Path:
    """This project's schemas in that folder, with persons protected as the policy says."""
    shutil.copytree(ROOT / "schemas", folder)
    (folder / "privacy.yaml").write_text("tags:\n" + "".join(f"  {tag}: {how}\n" for tag, how in policy.items()))
    about = folder / "persons" / "subject.yaml"
    about.write_text(f"subject: id\n{about.read_text()}")
    (folder / "persons" / "contract.yml").write_text(CONTRACT)
    return folder
