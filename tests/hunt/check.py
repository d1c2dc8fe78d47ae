# SPDX-License-Identifier: PostgreSQL
"""Whether the nodes that are in hold the same, and what clients were told of it."""
import collections

SHOWN = 8  # examples of each difference
TABLES = ("select oid::regclass::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
          " and not relispartition order by 1")
CATALOG = """
select 'column ' || attrelid::regclass || '.' || attname || ' ' || attnum || ' ' || format_type(atttypid, atttypmod) || ' '
       || attnotnull || ' ' || coalesce(pg_get_expr(adbin, adrelid), '')
  from pg_attribute join pg_class c on c.oid = attrelid left join pg_attrdef on adrelid = attrelid and adnum = attnum
 where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') and attnum > 0 and not attisdropped
union all select 'index ' || pg_get_indexdef(indexrelid) || ' ' || indisvalid from pg_index join pg_class c on c.oid = indexrelid
 where relnamespace = 'public'::regnamespace
union all select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
 where connamespace = 'public'::regnamespace and conrelid <> 0
union all select 'grant ' || oid::regclass || ' ' || coalesce(relacl::text, '') from pg_class where relnamespace = 'public'::regnamespace
union all select 'trigger ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
"""
LARGE_OBJECTS = """
select m.oid || ' ' || lomowner::regrole || ' ' || coalesce(lomacl::text, '') || ' '
       || coalesce((select md5(string_agg(pageno || ' ' || md5(data), ' ' order by pageno)) from pg_largeobject where loid = m.oid), '')
  from pg_largeobject_metadata m
union all select loid || ' page without its object' from pg_largeobject where loid not in (select oid from pg_largeobject_metadata)
"""
SEQUENCES = "select sequencename || ' ' || coalesce(last_value::text, '-') from pg_sequences order by 1"


class Check:
    """One comparison. `problems`: in words; `suspects`: transactions whose story is worth reading, as that of `rows` is."""

    def __init__(self, nodes, ledger, with_sequences=False):
        self.nodes, self.ledger, self.problems, self.suspects = nodes, ledger, [], collections.Counter()
        self.rows = set()  # (table, first column) of rows that differ
        self.compare_texts("catalog", CATALOG)
        self.compare_tables()
        self.compare_texts("large objects", LARGE_OBJECTS)
        if with_sequences:
            self.compare_texts("sequences", SEQUENCES)
        for node in nodes:
            self.check_books(node)

    def compare_texts(self, what, query):
        first, *others = [collections.Counter(row[0] for row in node.rows(query)) for node in self.nodes]
        for node, other in zip(self.nodes[1:], others):
            self.differ(what, node, first, other)

    def differ(self, what, node, first, other):
        only_first, only_other = list((first - other).elements()), list((other - first).elements())
        if not only_first and not only_other:
            return False
        self.problems.append(f"{what}: {len(only_first)} only on {self.nodes[0].name}: {only_first[:SHOWN]}; "
                             f"{len(only_other)} only on {node.name}: {only_other[:SHOWN]}")
        return True

    def compare_tables(self):
        tables = [row[0] for row in self.nodes[0].rows(TABLES)]
        for table in tables:
            digest = f"select count(*), md5(string_agg(x, chr(10) order by x collate \"C\")) from (select t::text as x from {table} t) s"
            try:
                found = [node.rows(digest)[0] for node in self.nodes]
            except Exception as error:  # a table that a node has not got: the catalog tells
                self.problems.append(f"table {table}: {error}")
                continue
            if len(set(found)) > 1:
                self.explain(table)

    def explain(self, table):
        """Which rows; column w tells who wrote them."""
        has_w = self.nodes[0].sql("select count(*) from pg_attribute where attrelid = %s::regclass and attname in ('w', 'txid')", [table])
        column = self.nodes[0].sql("select attname from pg_attribute where attrelid = %s::regclass and attname in ('w', 'txid')", [table])
        query = f"select t::text, {column if has_w else 0} from {table} t"
        first, *others = [collections.Counter(node.rows(query)) for node in self.nodes]
        for node, other in zip(self.nodes[1:], others):
            self.differ(f"table {table}", node, collections.Counter(r[0] for r in first.elements()),
                        collections.Counter(r[0] for r in other.elements()))
            for _, writer in ((first - other) | (other - first)):
                if writer:
                    self.suspects[int(writer)] += 1
            self.rows.update((table, text.strip("()").split(",")[0]) for text, _ in ((first - other) | (other - first)))

    def check_books(self, node):
        ledger = self.ledger
        rows = node.rows("select txid, count(*) from ledger group by 1")
        found, twice = {row[0] for row in rows}, [row[0] for row in rows if row[1] > 1]
        ends = {row[0] for row in node.rows("select txid from ledger_end")}
        for what, bad in (("acknowledged, but not there", ledger.acknowledged - found),
                          ("refused or rolled back, but there", ledger.refused & found),
                          ("there, but nobody began it", found - ledger.acknowledged - ledger.refused - ledger.unknown),
                          ("there twice", set(twice)),
                          ("only a part of it is there", found ^ ends),
                          ("what was rolled back to a savepoint is there", {r[0] for r in node.rows("select txid from undone")})):
            if bad:
                self.problems.append(f"{node.name}: {what}: {len(bad)} transactions {sorted(bad)[:SHOWN]}")
                self.suspects.update(sorted(bad)[:SHOWN])
        wrong = node.rows("select id, n, (select count(*) from ledger where tally = id) from tally t"
                          " where n <> (select count(*) from ledger where tally = id)")
        if wrong:
            self.problems.append(f"{node.name}: tallies that do not count their transactions (tally, is, should be): {wrong[:SHOWN]}")
