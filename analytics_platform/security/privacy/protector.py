"""Personal values as their rules want them kept, under the keys of one stream and day. Pure but for those keys."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analytics_platform.product.privacy import FieldRule, SchemaRules, Treatment
from analytics_platform.security.privacy.ciphers import SEALED, Keys, are_encrypted, encrypt, seal, sealed_on, unseal
from analytics_platform.security.privacy.keys import KeyProvider
from analytics_platform.security.privacy.masks import mask
from analytics_platform.security.privacy.tokens import are_tokens, subject_ids, text_tokens, whole_tokens

BY_ITSELF = "undeclared"  # the tag of what nobody has declared: keys and headers


class Protector:
    """Protects what belongs to one stream; `day`, in eight digits, names the key of what cannot be understood."""

    def __init__(self, keys: KeyProvider, stream: str, day: str) -> None:
        self._keys, self.stream, self.day = keys, stream, day
        self._environment = keys.environment()

    def treat(self, rules: SchemaRules, values: Mapping[str, pa.Array]) -> dict[str, pa.Array | None]:
        """The new values of every field that changes, row for row, None for one that is dropped; null stays null.

        Args:
            rules: of the schema that the records are written in.
            values: by field, texts or whole numbers, the subject's too. Keys are made for persons who have none.
        """
        subjects, keys = self._subjects(rules, values)
        return {rule.name: self._treated(rule, values[rule.name], subjects, keys) for rule in rules.fields}

    def _subjects(self, rules: SchemaRules, values: Mapping[str, pa.Array]) -> tuple[pa.StringArray | None, Keys]:
        is_needed = any(rule.treatment is Treatment.ENCRYPT for rule in rules.fields)
        if not is_needed or rules.subject is None:
            return None, {}
        named = values[rules.subject].cast(pa.string())
        ids = subject_ids(self._environment, rules.subject_tag, named)
        return ids, self._keys.of_subjects(ids.drop_null().to_pylist(), create=True)

    def _treated(
        self, rule: FieldRule, values: pa.Array, subjects: pa.StringArray | None, keys: Keys
    ) -> pa.Array | None:
        if rule.treatment is Treatment.DROP:
            return None
        if pa.types.is_integer(values.type):
            return whole_tokens(self._environment, rule.tag, values)
        if rule.treatment is Treatment.MASK:
            return mask(values)
        made = are_tokens(self._environment, rule.tag, values)
        if rule.treatment is Treatment.TOKENISE or subjects is None:
            return _unless(made, values, text_tokens(self._environment, rule.tag, values))
        made |= are_encrypted(values, subjects)
        found = encrypt(values, subjects, keys, f"{self.stream}.{rule.name}")
        if found.null_count > values.null_count:  # erased, or nobody is named
            found = pc.coalesce(found, text_tokens(self._environment, rule.tag, values))
        return _unless(made, values, found)

    def seal(self, values: pa.BinaryArray) -> pa.BinaryArray:
        """Each value as a whole; it opens while the day's key is kept. What was sealed at the source stays so."""
        made = self._are_sealed(values)
        if values.null_count + int(made.sum()) == len(values):
            return values
        key = self._keys.of_day(self.stream, self.day, create=True)
        # its day is over: what comes as late as that is kept as a token, which opens never
        found = self.tokens(values) if key is None else seal(values, key, self.day, self.stream)
        return _unless(made, values, found)

    def _are_sealed(self, values: pa.BinaryArray) -> NDArray[np.bool_]:
        found = np.zeros(len(values), np.bool_)
        for row in np.flatnonzero(pc.starts_with(values, SEALED).fill_null(False)).tolist():
            value = values[row].as_py()
            key = self._keys.of_day(self.stream, sealed_on(value) or "", create=False)
            found[row] = key is not None and unseal(value, key, self.stream) is not None
        return found

    def tokens(self, values: pa.BinaryArray) -> pa.BinaryArray:
        """A token for each of what nobody has declared: it is still the same for equal values."""
        texts = values.view(pa.string())  # whatever their bytes are
        made = are_tokens(self._environment, BY_ITSELF, texts)
        return _unless(made, texts, text_tokens(self._environment, BY_ITSELF, texts)).cast(pa.binary())


def _unless(made: NDArray[np.bool_], values: pa.Array, new: pa.Array) -> pa.Array:
    """What was protected at the source stays as it is: protected again it would join with nothing."""
    return pc.if_else(pa.array(made), values, new) if made.any() else new
