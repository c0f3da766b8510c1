"""What to do about a break, by its kind and by who is hurt. Pure."""

from collections.abc import Mapping

from analytics_platform.registry.compatibility.findings import ROOT_PATH, Break, BreakKind, Finding, Victim

BACKWARD: Mapping[BreakKind, str] = {
    BreakKind.FORMAT: "keep the language and dialect of the subject, or register a new subject",
    BreakKind.NAME: "keep the name, or add the old one to the new type's `aliases`",
    BreakKind.TYPE: "keep the old type, or one that it may be promoted to; else add a new field with a default",
    BreakKind.LOGICAL_TYPE: "keep what the value means and its unit; another meaning is a new field with a default",
    BreakKind.DECIMAL: "keep precision and scale; other ones are a new field with a default",
    BreakKind.SIZE: "keep the size, or add a new field of another fixed type with a default",
    BreakKind.SYMBOLS: "keep every value that was allowed (Avro: or give the enum a `default`)",
    BreakKind.UNION: "keep a branch for everything that was allowed",
    BreakKind.NO_DEFAULT: "give the new field a default: old records do not have it",
    BreakKind.BAD_DEFAULT: "give the field a default of its type",
    BreakKind.ALIAS: "let each alias lead to one field of the old version, and to none that is also named",
    BreakKind.REQUIRED: "leave the property out of `required`: old documents may not have it",
    BreakKind.CONTENT: "old documents may hold anything under that name: keep the content model as open as it was, or "
    "name properties only where `additionalProperties` was false",
    BreakKind.BOUND: "keep the bound as wide as it was",
    BreakKind.UNDECIDED: "keep the keyword word for word: nobody can prove that old documents still pass",
    BreakKind.SECOND_OPINION: "make a smaller change; if this one is safe, report the pair: our rules see no break",
}
FORWARD: Mapping[BreakKind, str] = {
    BreakKind.FORMAT: "keep the language and dialect of the subject, or register a new subject",
    BreakKind.NAME: "keep the name: old readers do not know the new one",
    BreakKind.TYPE: "write what old readers can promote to their type; else add a new field beside the old one",
    BreakKind.LOGICAL_TYPE: "keep what the value means and its unit; write another meaning to a new field beside it",
    BreakKind.DECIMAL: "keep precision and scale; write others to a new field beside it",
    BreakKind.SIZE: "keep the size, and write another one to a new field beside it",
    BreakKind.SYMBOLS: "write no value that old readers do not know; first publish a version whose readers accept it",
    BreakKind.UNION: "write no branch that old readers lack; first publish a version whose readers accept it",
    BreakKind.NO_DEFAULT: "keep the field: old readers have no default for it; first publish a version that has one",
    BreakKind.BAD_DEFAULT: "keep the field: what old readers have for its default is no value of its type",
    BreakKind.ALIAS: "do not write two fields that old readers take for one: they know one as the other's alias",
    BreakKind.REQUIRED: "keep the property in `required`: old readers ask for it",
    BreakKind.CONTENT: "write no property that old readers refuse, and keep each one's schema",
    BreakKind.BOUND: "keep the bound at least as narrow as it was",
    BreakKind.UNDECIDED: "keep the keyword word for word: nobody can prove that old readers accept all new documents",
    BreakKind.SECOND_OPINION: "make a smaller change; if this one is safe, report the pair: our rules see no break",
}


def as_break(found: Finding, hurts: Victim) -> Break:
    """The finding as a break for those readers: which side is old depends on who reads."""
    is_backward = hurts is Victim.READERS_OF_OLD_DATA
    before, after = (found.written, found.read) if is_backward else (found.read, found.written)
    return Break(
        kind=found.kind,
        path=found.path or ROOT_PATH,
        before=before,
        after=after,
        hurts=hurts,
        remedy=(BACKWARD if is_backward else FORWARD)[found.kind],
    )
