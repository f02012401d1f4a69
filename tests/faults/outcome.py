"""What a test found: one row of the table."""

from check import Findings


class Outcome:
    def __init__(self, name, database):
        self.name, self.database = name, database
        self.cycles = self.acknowledged = 0
        self.found = Findings()
        self.caught = None  # (broken variants caught, of how many)
        self.notes = []
        self.skipped = None

    def take(self, found):
        self.found.add(found)

    def note(self, text):
        self.notes.append(text)

    def statuses(self, ledger):
        """What was answered how often, and what was answered badly."""
        counted = ", ".join(f"{status}: {count}" for status, count in sorted(ledger.statuses.items()))
        self.note(f"answers {counted}")
        self.found.torn += ledger.faulty

    def variants(self, *caught):
        before = self.caught or (0, 0)
        self.caught = (before[0] + sum(map(bool, caught)), before[1] + len(caught))

    def good(self):
        return not self.found.any() and (self.caught is None or self.caught[0] == self.caught[1])

    def row(self):
        caught = f"{self.caught[0]} of {self.caught[1]}" if self.caught else "-"
        figures = [self.cycles, self.acknowledged, len(self.found.lost), len(self.found.torn) + len(self.found.twice), caught]
        return [self.name, self.database, *map(str, figures)] if not self.skipped else [self.name, self.database, f"skipped: {self.skipped}"]
