"""A change since a decision, of the policies that the decision rested on."""

from typing import Literal

from tabard.model.messages import Message

ChangeKind = Literal["added", "removed", "edited"]


class PolicyChange(Message, frozen=True):
    """One change: `kind` is `inline policy`, `managed policy`, `trust policy`, `tag`, `role`, …

    `holder` is the ARN of the user, group or role that has it, or the place in the organization. `before` and
    `after` are versions of a managed policy, or values of a tag, as far as they are known.
    """

    change: ChangeKind
    kind: str
    name: str
    holder: str = ""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        values = f" ({self.before or 'none'} → {self.after or 'none'})" if self.before or self.after else ""
        holder = f" of {self.holder}" if self.holder else ""
        return f"{self.change}: {' '.join(filter(None, (self.kind, self.name)))}{holder}{values}"
