"""What SeaweedFS 4.48 was measured to do with each key."""

KEPT = (
    "a", "a/b", "A", "a..b", "a...", "...", ".a", "..a", "a/...", "a/..b/c", "a/.b", "a/b.", ".versions",
    "a/.versions", "a.versions", "uploads/x", "a.uploads/b", "filer", "etc", ".system", "a/.directory",
    "a%2Fb", "a%2fb", "%2e%2e/a", "a%", "a%zz", "a%00b", "a%20b", "a%5Cb",
    "a b", " a", "a ", "a/ b", "a b/c+d", "a+b", " ", "\t", "\n", "a\nb", "a\rb", "a\n/b\n",
    "a\x7fb", "a\x85b",
    "a?b", "a#b", "a&b;c", "a:b", "a=b", "a@b", "a'b", 'a"b', "a<b>", "a|b", "a*b", "a[b]", "a{b}",
    "a^b", "a`b",
    "a~b", "a$b", "a!b", "a(b)", "a,b", "]]>", "C:", "é", "e\u0301", "\u212b", "日本", "😀",
    "a\u2028b", "\ufeffa",
    "\u202ea", "\ufffd", "\u00a0", "\u0130", "\U0010ffff",
    "x" * 255, "é" * 127, "/".join(["x" * 200] * 5), "a/" * 511 + "ab",
)  # fmt: skip


# key: what the store made of it
REWRITTEN = {
    "secret//x": "secret/x",
    "/secret/x": "secret/x",
    "//x": "x",
    "a//": "a/",
    "secret\\x": "secret/x",
    "\\x": "x",
    "a\\": "a/",
    "a/\\b": "a/b",
    "C:\\x": "C:/x",
    "/": "the bucket itself",
    "//": "the bucket itself",
    "a/": "content lost; deleted by deleting `a`",
    "a/b/": "content lost; deleted by deleting `a/b`",
    "a\x01b": "listed as a\ufffdb",
    "a\x0bb": "listed as a\ufffdb",
    "a\x1fb": "listed as a\ufffdb",
    "a\ufffeb": "listed as a\ufffdb",
    "a\uffffb": "listed as a\ufffdb",
    ".uploads/x": "not listed",
    "a/.uploads/b": "not listed",
    ".uploads": "in the way of every multipart upload",
    "a.versions/b": "not listed",
    "p/q.versions/z": "not listed",
    ".versions/a": "not listed",
}


REFUSED_THERE = (
    ".", "..", "./a", "../a", "a/.", "a/..", "a/./b", "a/../b", "a/../../b", "..\\a", "a\\..\\b",
    "\x00", "a\x00b",
    "\ud800", "x" * 256, "x" * 1025, "é" * 128, "a/" * 512 + "a",
)  # fmt: skip
