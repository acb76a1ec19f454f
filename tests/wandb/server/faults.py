"""What goes wrong, when, and how often: seeded, by option and at run time."""

import collections
import random

# A fault is drawn for each request; what of it applies to which requests is in `APPLIES`.
KINDS = ("429", "500", "errors", "drop_before", "drop_after", "slow", "summary_lost")
APPLIES = {"errors": lambda kind: kind.startswith("graphql:"), "summary_lost": lambda kind: kind == "complete"}
DEFAULTS = {
    **{kind: 0.0 for kind in KINDS},
    "seed": 1,
    "retry_after": 1,       # seconds, sent with every 429 (0: without the header)
    "slow_seconds": 0.3,    # what a slow answer takes longer
    "deny": 0,              # 401 or 403 for every request that carries a key
    "rate_limit": 0,        # 1: at most 10 requests/s a key and 2/s a run, else 429
    "next": [],             # faults of the next requests, before any is drawn: "drop_after", or "500@file_stream"
}
KEY_PER_SECOND, RUN_PER_SECOND = 10, 2


def parse(text):
    """"429=0.1,slow=0.05,seed=7,next=500@file_stream+drop_after": as the control endpoint takes it in JSON."""
    settings = {}
    for item in filter(None, text.split(",")):
        name, _, value = item.partition("=")
        if name == "next":
            settings[name] = value.split("+")
        else:
            try:
                settings[name] = float(value) if "." in value else int(value)
            except ValueError:
                raise ValueError(f"faults: {item!r} is not NAME=NUMBER") from None
    return settings


class RateLimit:
    """At most `per_second` within any second."""

    def __init__(self, per_second):
        self.times = collections.deque(maxlen=per_second)

    def wait(self, now):
        """Seconds until there is room; 0: there is, and it has been taken."""
        full = len(self.times) == self.times.maxlen
        if full and now - self.times[0] < 1:
            return self.times[0] + 1 - now
        self.times.append(now)
        return 0


class Faults:
    """Not thread-safe: the store's lock is held."""

    def __init__(self, settings):
        self.settings = dict(DEFAULTS)
        self.injected = collections.Counter()
        self.random = random.Random(DEFAULTS["seed"])
        self.limits = {}
        self.change(settings)

    def change(self, settings):
        """Replaces what is named; a `seed` starts the sequence anew."""
        unknown = sorted(set(settings) - set(DEFAULTS))
        if unknown:
            raise ValueError(f"faults: {', '.join(unknown)}: unknown; there are {', '.join(DEFAULTS)}")
        for item in settings.get("next", []):
            if item.partition("@")[0] not in KINDS:
                raise ValueError(f"faults: next: {item!r} is none of {', '.join(KINDS)}, with @KIND or without")
        if not 0 <= sum(settings.get(kind, self.settings[kind]) for kind in KINDS) <= 1:
            raise ValueError("faults: the probabilities add up to more than 1")
        self.settings.update(settings)
        self.settings["next"] = list(self.settings["next"])
        if "seed" in settings:
            self.random = random.Random(settings["seed"])

    def draw(self, kinds):
        """The fault of a request, "" for none. `kinds`: what the request is, such as {"file_stream", "complete"}."""
        for position, item in enumerate(self.settings["next"]):
            fault, _, wanted = item.partition("@")
            if self.fits(fault, kinds) and (not wanted or any(wanted in kind for kind in kinds)):
                del self.settings["next"][position]
                return fault
        number = self.random.random()
        for fault in KINDS:
            number -= self.settings[fault]
            if number < 0:
                return fault if self.fits(fault, kinds) else ""
        return ""

    @staticmethod
    def fits(fault, kinds):
        return fault not in APPLIES or any(map(APPLIES[fault], kinds))

    def limited(self, key, run, now):
        """Seconds until this request would be let through; 0: now."""
        if not self.settings["rate_limit"]:
            return 0
        wait = self.limits.setdefault(("key", key), RateLimit(KEY_PER_SECOND)).wait(now)
        if run and not wait:
            wait = self.limits.setdefault(("run", run), RateLimit(RUN_PER_SECOND)).wait(now)
        return wait
