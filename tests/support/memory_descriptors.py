"""What a supervisor keeps for the next agent, in the same process."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tabard.processes.descriptor_store import DescriptorStoreClient, Record


class MemoryDescriptors(DescriptorStoreClient):
    """Says nothing to anybody: the records are its own."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def close(self) -> None:
        for record in self.records.values():
            record.close()
        self.records.clear()

    def keep(self, name: str, content: bytes, descriptors: Sequence[int]) -> None:
        self.drop(name)
        self.records[name] = _copied(Record(name=name, content=content, descriptors=tuple(descriptors)))

    def update(self, name: str, content: bytes) -> None:
        if name in self.records:
            self.records[name] = replace(self.records[name], content=content)

    def drop(self, name: str) -> None:
        if name in self.records:
            self.records.pop(name).close()

    def all(self) -> Iterator[Record]:
        for name in sorted(self.records):
            yield _copied(self.records[name])

    def at_this_moment(self) -> "MemoryDescriptors":
        """What would be found were the agent killed now; the one that keeps on changing is the former."""
        copied = MemoryDescriptors()
        copied.records = {record.name: record for record in self.all()}
        return copied


def _copied(record: Record) -> Record:
    return replace(record, descriptors=tuple(os.dup(each) for each in record.descriptors))
