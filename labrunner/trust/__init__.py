"""What a result proves, and to whom (DESIGN: trust; docs/ci.md says it in a table).

keys.py         an instructor's key: signs results, and makes seeds that can be repeated but not foreseen
envelope.py     the envelope around a result, its signature, and how both are verified
claims.py       what an envelope is expected to say: of this commit, of this owner, of this solution
attestation.py  GitHub's attestation, where a learner's own repository can hold no key
"""
