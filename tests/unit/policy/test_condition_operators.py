"""Every condition operator, as a table: (operator, operands, the request's values or None, expected).

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from itertools import chain

import pytest

from tabard.policy import Condition, Multivalued, StatementEffect
from tabard.policy.conditions import compile_condition

KEY = "aws:Key"
OTHER = {"aws:username": ("bob",), "aws:principaltag/team": ("*",), "aws:principaltag/mfa": ("True",)}

Row = tuple[str, list[str], list[str] | None, bool]

# …#Conditions_String
STRING: list[Row] = [
    ("StringEquals", ["a"], ["a"], True),
    ("StringEquals", ["a"], ["A"], False),
    ("StringEquals", ["a", "b"], ["b"], True),
    ("StringEquals", ["a*"], ["ab"], False),
    ("StringEquals", ["a*"], ["a*"], True),
    ("StringEquals", ["a"], None, False),
    ("StringEquals", ["a"], [], False),
    ("StringEquals", [], ["a"], False),
    ("StringEquals", ["${aws:username}"], ["bob"], True),
    ("StringEquals", ["x", "${aws:username}"], ["x"], True),
    ("StringEquals", ["${aws:missing}"], [""], False),
    ("StringEquals", ["${*}"], ["*"], True),
    ("stringequals", ["a"], ["a"], True),
    ("StringNotEquals", ["a"], ["b"], True),
    ("StringNotEquals", ["a"], ["a"], False),
    ("StringNotEquals", ["a", "b"], ["b"], False),
    ("StringNotEquals", ["a"], None, True),
    ("StringNotEquals", [], ["a"], True),
    # "Inverted condition operators like StringNotEquals or StringNotLike do match against a null value"
    ("StringNotEquals", ["${aws:missing}"], ["a"], True),
    ("StringEqualsIgnoreCase", ["Ab"], ["aB"], True),
    ("StringEqualsIgnoreCase", ["${aws:username}"], ["BOB"], True),
    ("StringEqualsIgnoreCase", ["Ab"], ["c"], False),
    ("StringEqualsIgnoreCase", ["straße"], ["STRASSE"], False),
    ("StringNotEqualsIgnoreCase", ["Ab"], ["aB"], False),
    ("StringNotEqualsIgnoreCase", ["Ab"], None, True),
    ("StringLike", ["a*"], ["ab\nc"], True),
    ("StringLike", ["A*"], ["ab"], False),
    ("StringLike", ["x", "home/${aws:username}/?"], ["home/bob/1"], True),
    ("StringLike", ["${aws:PrincipalTag/team}"], ["anything"], False),
    ("StringLike", ["a*"], None, False),
    ("StringNotLike", ["a*", "b*"], ["bx"], False),
    ("StringNotLike", ["a*", "b*"], ["cx"], True),
    ("StringNotLike", ["a*"], None, True),
]
# …#Conditions_Numeric
NUMERIC: list[Row] = [
    ("NumericEquals", ["10"], ["10.0"], True),
    ("NumericEquals", ["10"], ["11"], False),
    ("NumericEquals", ["10"], ["ten"], False),
    ("NumericEquals", ["10"], ["1" * 100], False),
    ("NumericEquals", ["1e1"], ["10"], True),
    ("NumericEquals", [".5"], ["0.50"], True),
    ("NumericEquals", ["0"], ["."], False),
    ("NumericNotEquals", ["10"], ["10"], False),
    ("NumericNotEquals", ["10"], ["11"], True),
    ("NumericNotEquals", ["10"], None, True),
    ("NumericLessThan", ["10"], ["9.9"], True),
    ("NumericLessThan", ["10"], ["10"], False),
    ("NumericLessThan", ["-1"], ["-2"], True),
    ("NumericLessThanEquals", ["10"], ["10"], True),
    ("NumericLessThanEquals", ["10"], ["11"], False),
    ("NumericGreaterThan", ["10"], ["11"], True),
    ("NumericGreaterThan", ["10"], ["10"], False),
    ("NumericGreaterThanEquals", ["10"], ["10"], True),
    ("NumericGreaterThanEquals", ["10"], ["9"], False),
    ("NumericGreaterThanEquals", ["10"], None, False),
]
# …#Conditions_Date: "one of the W3C implementations of the ISO 8601 date formats or … epoch (UNIX) time"
DATE: list[Row] = [
    ("DateEquals", ["2020-01-01T00:00:00Z"], ["2020-01-01T01:00:00+01:00"], True),
    ("DateEquals", ["2020-01-01T00:00:00.5Z"], ["2020-01-01T00:00:00Z"], False),
    ("DateEquals", ["2020-01-01T00:00:00Z"], ["1577836800"], True),
    ("DateEquals", ["2020"], ["2020-01-01T00:00:00"], True),
    ("DateEquals", ["2020-02"], ["2020-02-01"], True),
    ("DateEquals", ["2020-01-01T00:00Z"], ["2020-01-01t00:00:00z"], True),
    ("DateEquals", ["0"], ["1970-01-01T00:00:00Z"], True),
    ("DateEquals", ["2020"], ["yesterday"], False),
    ("DateEquals", ["2020-1-1T0:0:0"], ["2020-01-01T00:00:00Z"], True),
    ("DateEquals", ["2024-02-29T23:59:59Z"], ["1709251199"], True),
    ("DateEquals", ["2024-03-01T00:00:00-0030"], ["1709253000"], True),
    ("DateEquals", ["1969-12-31T23:59:59z"], ["1970-01-01"], False),
    ("DateEquals", ["2020-01-01T00:00:00Z"], ["2020-01-01T00:00:00+24:00"], False),
    ("DateLessThan", ["1970"], ["1969-12-31T23:59:59.999999999Z"], True),
    ("DateLessThan", ["01T"], ["-292275054"], True),
    ("DateGreaterThan", ["2016-12-13t2:00:00.593194+23"], ["2016-12-12T03:00:00.593195Z"], True),
    ("DateGreaterThan", ["1577836800"], ["1577836800.000000001"], True),
    ("DateNotEquals", ["2020"], ["2021"], True),
    ("DateNotEquals", ["2020"], ["2020"], False),
    ("DateNotEquals", ["2020"], None, True),
    ("DateLessThan", ["2020-01-01T00:00:00Z"], ["2019-12-31T23:59:59Z"], True),
    ("DateLessThan", ["2020-01-01T00:00:00Z"], ["2020-01-01T00:00:00Z"], False),
    ("DateLessThan", ["0001-01-01T00:00:00+14:00"], ["2020"], False),
    ("DateLessThanEquals", ["2020-01-01T00:00:00Z"], ["2020-01-01T00:00:00Z"], True),
    ("DateGreaterThan", ["2020-01-01T00:00:01Z"], ["2020-01-01T00:00:02Z"], True),
    ("DateGreaterThan", ["2020-01-01T00:00:01Z"], None, False),
    ("DateGreaterThanEquals", ["2020-01-01T00:00:01Z"], ["2020-01-01T00:00:01Z"], True),
]
# …#Conditions_Boolean, …#Conditions_BinaryEquals, …#Conditions_Null
BOOLEAN_BINARY_NULL: list[Row] = [
    ("Bool", ["true"], ["true"], True),
    ("Bool", ["true"], ["TRUE"], True),
    ("Bool", ["false"], ["true"], False),
    ("Bool", ["false"], None, False),
    ("Bool", ["yes"], ["yes"], False),
    ("Bool", ["${aws:PrincipalTag/mfa}"], ["true"], True),
    ("Bool", ["${aws:PrincipalTag/mfa}"], ["false"], False),
    ("Bool", ["${aws:username}"], ["bob"], False),
    ("BinaryEquals", ["QmluYXJ5VmFsdWVJbkJhc2U2NA=="], ["QmluYXJ5VmFsdWVJbkJhc2U2NA=="], True),
    ("BinaryEquals", ["QmluYXJ5VmFsdWVJbkJhc2U2NA=="], ["ASIAIOSFODNN7EXAMPLE"], False),
    ("BinaryEquals", ["QmluYXJ5VmFsdWVJbkJhc2U2NA=="], ["BinaryValueInBase64"], False),
    ("BinaryEquals", ["QQ=="], ["\ud800"], False),
    ("BinaryEquals", ["QQ=="], None, False),
    ("Null", ["true"], None, True),
    ("Null", ["true"], [], True),
    ("Null", ["true"], ["x"], False),
    ("Null", ["false"], ["x"], True),
    ("Null", ["false"], None, False),
    ("Null", ["TRUE", "false"], None, True),
]
# …#Conditions_IPAddress: "If you specify an IP address without the associated routing prefix, IAM uses … /32"
ADDRESS: list[Row] = [
    ("IpAddress", ["203.0.113.0/24"], ["203.0.113.7"], True),
    ("IpAddress", ["203.0.113.0/24"], ["203.0.114.7"], False),
    ("IpAddress", ["203.0.113.7"], ["203.0.113.7"], True),
    ("IpAddress", ["203.0.113.7"], ["203.0.113.8"], False),
    ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], ["2001:db8:1234:5678::1"], True),
    ("IpAddress", ["2001:DB8:1234:5678::/64"], ["203.0.113.7"], False),
    ("IpAddress", ["0.0.0.0/0"], ["2001:db8::1"], False),
    ("IpAddress", ["203.0.113.0/24"], ["::ffff:203.0.113.7"], True),
    ("IpAddress", ["::ffff:203.0.113.0/120"], ["203.0.113.7"], True),
    ("IpAddress", ["::ffff:203.0.113.0/120"], ["203.0.114.7"], False),
    ("NotIpAddress", ["::ffff:203.0.113.7"], ["203.0.113.7"], False),
    ("IpAddress", ["::/0"], ["203.0.113.7"], False),
    ("IpAddress", ["203.0.113.0/24"], ["nowhere"], False),
    ("IpAddress", ["203.0.113.0/24"], None, False),
    ("NotIpAddress", ["203.0.113.0/24"], ["203.0.113.7"], False),
    ("NotIpAddress", ["203.0.113.0/24"], ["198.51.100.1"], True),
    ("NotIpAddress", ["203.0.113.0/24"], None, True),
]
# …#Conditions_ARN: "Each of the six colon-delimited components of the ARN is checked separately"
LEAKING = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"
ARN: list[Row] = [
    ("ArnLike", ["arn:aws:someservice:*:111122223333:finance/*"], [LEAKING], False),
    ("StringLike", ["arn:aws:someservice:*:111122223333:finance/*"], [LEAKING], True),
    ("ArnLike", ["arn:aws:someservice:*:*:store/*"], [LEAKING], True),
    (
        "ArnEquals",
        ["arn:aws:sns:*:123456789012:topic-?"],
        ["arn:aws:sns:eu-west-1:123456789012:topic-1"],
        True,
    ),
    ("ArnEquals", ["arn:aws:sns:*:123456789012:t"], ["arn:aws:SNS:x:123456789012:t"], False),
    ("ArnLike", ["*"], ["arn:aws:s3:::b"], True),
    (
        "ArnLike",
        ["arn:aws:iam::123456789012:user/${aws:username}"],
        ["arn:aws:iam::123456789012:user/bob"],
        True,
    ),
    ("ArnLike", ["${aws:username}"], ["bob"], True),
    ("ArnLike", ["arn:aws:s3:::b"], ["bucket"], False),
    ("ArnLike", ["arn:aws:s3:::b"], None, False),
    ("ArnNotLike", ["arn:aws:s3:::b*"], ["arn:aws:s3:::bucket"], False),
    ("ArnNotLike", ["arn:aws:s3:::b*"], ["arn:aws:s3:::other"], True),
    ("ArnNotEquals", ["arn:aws:s3:::b"], None, True),
]
# …#Conditions_IfExists
IF_EXISTS: list[Row] = [
    ("StringLikeIfExists", ["t1.*", "t2.*"], None, True),
    ("StringLikeIfExists", ["t1.*", "t2.*"], ["t2.micro"], True),
    ("StringLikeIfExists", ["t1.*", "t2.*"], ["m3.large"], False),
    ("StringNotEqualsIfExists", ["a"], None, True),
    ("BoolIfExists", ["true"], None, True),
    ("NumericLessThanIfExists", ["5"], ["6"], False),
    ("ForAnyValue:StringEqualsIfExists", ["a"], None, True),
    ("ForAllValues:StringEqualsIfExists", ["a"], ["b"], False),
]
# …/reference_policies_condition-single-vs-multi-valued-context-keys.html
SETS: list[Row] = [
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
    ("ForAllValues:StringEquals", ["a"], None, True),
    ("ForAllValues:StringEquals", ["a"], [], True),
    ("ForAllValues:StringEquals", ["a"], [""], True),
    ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "d"], True),
    ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "a"], False),
    # "None of the values of the context key in the request can match any of the context key values in your
    # policy." AWS's table of its example with aws:ResourceOrgPaths has it otherwise; the rule stands.
    ("ForAllValues:StringNotLike", ["o-a/r-a/ou-m/", "o-a/r-a/ou-s/*"], ["o-a/r-a/ou-s/c/"], False),
    ("ForAllValues:StringNotLike", ["o-a/r-a/ou-m/", "o-a/r-a/ou-s/*"], ["o-a/r-a/ou-m/c/"], True),
    ("ForAllValues:StringNotLike", ["o-a/r-a/ou-m/", "o-a/r-a/ou-s/*"], None, True),
    ("ForAllValues:Bool", ["true"], ["true", "true"], True),
    ("ForAllValues:Bool", ["true"], ["true", "false"], False),
    ("ForAnyValue:Bool", ["true"], ["false", "true"], True),
    ("ForAnyValue:Bool", ["true"], ["false"], False),
    ("ForAllValues:ArnLike", ["arn:aws:sns::1:s*"], ["arn:aws:sns::1:s2", "arn:aws:sns::1:s"], True),
    ("ForAllValues:ArnLike", ["arn:aws:sns::1:s*"], ["arn:aws:sns::1:s2", "arn:aws:sns::7:s2"], False),
    ("ForAnyValue:ArnNotLike", ["arn:aws:s3:::a*"], ["arn:aws:s3:::ab", "arn:aws:s3:::b"], True),
    ("ForAnyValue:ArnNotLike", ["arn:aws:s3:::a*"], ["arn:aws:s3:::ab"], False),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c"], False),
    ("ForAnyValue:StringEquals", ["a"], None, False),
    ("ForAnyValue:StringNotEquals", ["a"], ["a", "b"], True),
    ("ForAnyValue:StringNotEquals", ["a"], ["a"], False),
    ("ForAnyValue:StringNotEquals", ["a"], None, False),
    ("foranyvalue:StringLike", ["a*"], ["b", "ab"], True),
    ("ForAllValues:Null", ["true"], None, True),
]


@pytest.mark.parametrize("effect", StatementEffect)
@pytest.mark.parametrize(
    ("operator", "operands", "found", "expected"),
    list(chain(STRING, NUMERIC, DATE, BOOLEAN_BINARY_NULL, ADDRESS, ARN, IF_EXISTS, SETS)),
)
def test_a_condition_holds_as_aws_documents(
    operator: str, operands: list[str], found: list[str] | None, expected: bool, effect: StatementEffect
) -> None:
    condition = Condition(operator=operator, key=KEY, values=tuple(operands))
    values = OTHER if found is None else {**OTHER, "aws:key": tuple(found)}
    assert compile_condition(condition, effect, variables=True)(values) is expected


@pytest.mark.parametrize("effect", StatementEffect)
@pytest.mark.parametrize(
    ("operator", "operands", "found", "expected"),
    [
        row
        for row in chain(SETS, IF_EXISTS, BOOLEAN_BINARY_NULL)
        if row[0].lower().startswith(("for", "null"))
    ],
)
def test_a_set_operator_and_null_take_multivalued_keys(
    operator: str, operands: list[str], found: list[str] | None, expected: bool, effect: StatementEffect
) -> None:
    condition = Condition(operator=operator, key=KEY, values=tuple(operands))
    values = OTHER if found is None else {**OTHER, "aws:key": Multivalued(found)}
    assert compile_condition(condition, effect, variables=True)(values) is expected


ONE_VALUE: list[Row] = [
    row
    for row in chain(STRING, NUMERIC, DATE, BOOLEAN_BINARY_NULL, ADDRESS, ARN, IF_EXISTS)
    if not row[0].lower().startswith(("for", "null")) and row[2]
]


@pytest.mark.parametrize(("operator", "operands", "found", "expected"), ONE_VALUE)
@pytest.mark.parametrize("more", [[], ["another"]])
def test_a_scalar_operator_never_satisfies_an_allow_of_a_multivalued_key(
    operator: str, operands: list[str], found: list[str], expected: bool, more: list[str]
) -> None:
    """AWS: "Multivalued context keys require a condition set operator." One value or two: the key decides."""
    condition = Condition(operator=operator, key=KEY, values=tuple(operands))
    holds = compile_condition(condition, StatementEffect.ALLOW, variables=True)
    assert holds({**OTHER, "aws:key": Multivalued([*found, *more])}) is False
    # The same value of a single-valued key.
    assert holds({**OTHER, "aws:key": tuple(found)}) is expected


@pytest.mark.parametrize(
    ("operator", "operands", "found", "stands"),
    [
        ("StringEquals", ["secret"], ["secret"], True),
        ("StringEquals", ["secret"], ["team", "secret"], True),
        ("StringEquals", ["secret"], ["team"], False),
        ("StringEqualsIfExists", ["secret"], ["team", "secret"], True),
        ("StringEqualsIfExists", ["secret"], ["team"], False),
        ("ArnLike", ["arn:aws:s3:::b*"], ["x", "arn:aws:s3:::bucket"], True),
        ("NumericLessThan", ["10"], ["11", "9"], True),
        # What does not match is not matched: a scalar operator matches no multivalued key.
        ("StringNotEquals", ["team"], ["team"], True),
        ("StringNotEquals", ["team"], ["team", "secret"], True),
        ("StringNotLikeIfExists", ["*"], ["team"], True),
        ("NotIpAddress", ["0.0.0.0/0"], ["203.0.113.7"], True),
    ],
)
def test_a_deny_with_a_scalar_operator_on_a_multivalued_key_stands_by_its_strongest_reading(
    operator: str, operands: list[str], found: list[str], stands: bool
) -> None:
    condition = Condition(operator=operator, key=KEY, values=tuple(operands))
    holds = compile_condition(condition, StatementEffect.DENY, variables=True)
    assert holds({"aws:key": Multivalued(found)}) is stands


@pytest.mark.parametrize("effect", StatementEffect)
@pytest.mark.parametrize("nothing", [{}, {"aws:key": Multivalued()}])
@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
    ],
)
def test_a_multivalued_key_without_values_is_a_missing_key(
    operator: str, expected: bool, nothing: dict[str, Multivalued], effect: StatementEffect
) -> None:
    condition = Condition(operator=operator, key=KEY, values=("a",))
    assert compile_condition(condition, effect, variables=True)(nothing) is expected


def test_several_values_are_never_taken_for_one() -> None:
    """A context that forgot to say that a key is multivalued fails closed."""
    for operator, operand in (("StringEquals", "a"), ("StringNotEquals", "c")):
        condition = Condition(operator=operator, key=KEY, values=(operand,))
        values = {"aws:key": ("a", "b")}
        assert not compile_condition(condition, StatementEffect.ALLOW, variables=True)(values)
        assert compile_condition(condition, StatementEffect.DENY, variables=True)(values)


@pytest.mark.parametrize(
    ("operator", "operand"),
    [
        ("BinaryNotEquals", "QQ=="),
        ("StringMatches", "a"),
        ("IfExists", "a"),
        ("NullIfExists", "true"),
        ("Null", "perhaps"),
        ("NumericEquals", "ten"),
        ("NumericNotEquals", "NaN"),
        ("DateLessThan", "soon"),
        ("IpAddress", "nonsense"),
        ("NotIpAddress", "203.0.113.0/99"),
        ("IpAddress", "203.0.113.0/255.255.255.0"),
        ("IpAddress", "203.0.113.0/0.0.0.255"),
        ("BinaryEquals", "***"),
        ("ArnLike", "arn:aws:s3"),
        ("ArnNotLike", "bucket"),
    ],
)
@pytest.mark.parametrize("values", [{}, {"aws:key": ("a",)}])
def test_what_cannot_be_evaluated_never_satisfies_an_allow_and_lets_a_deny_stand(
    operator: str, operand: str, values: dict[str, tuple[str, ...]]
) -> None:
    condition = Condition(operator=operator, key=KEY, values=(operand,))
    assert compile_condition(condition, StatementEffect.ALLOW, variables=True)(values) is False
    assert compile_condition(condition, StatementEffect.DENY, variables=True)(values) is True


def test_variables_mean_nothing_in_the_first_version() -> None:
    condition = Condition(operator="StringEquals", key=KEY, values=("${aws:username}",))
    holds = compile_condition(condition, StatementEffect.ALLOW, variables=False)
    assert holds({**OTHER, "aws:key": ("${aws:username}",)})
    assert not holds({**OTHER, "aws:key": ("bob",)})


@pytest.mark.parametrize("value", ["${aws:username}", "203.0.113.0/${aws:username}"])
def test_variables_have_no_place_in_number_date_and_address_operators(value: str) -> None:
    """AWS: "You can't use a policy variable with other operators, such as Numeric, Date, … IP Address"."""
    for operator in ("NumericEquals", "DateEquals", "IpAddress"):
        condition = Condition(operator=operator, key=KEY, values=(value,))
        holds = compile_condition(condition, StatementEffect.ALLOW, variables=True)
        assert holds({**OTHER, "aws:key": ("bob",)}) is False
