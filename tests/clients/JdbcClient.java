// SPDX-License-Identifier: PostgreSQL
// pgjdbc: server-prepared statements after the threshold, batches, fetch size, generated keys, COPY, cancel, savepoints.
import java.io.StringReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.Arrays;
import java.util.Properties;
import org.postgresql.PGConnection;

public final class JdbcClient {
    private static final boolean REPLICATES = "replication".equals(System.getenv("CLIENT_POOL_MODE"));

    private static Connection connect(String... options) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("sslmode", "disable");
        for (int i = 0; i < options.length; i += 2) {
            properties.setProperty(options[i], options[i + 1]);
        }
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        return DriverManager.getConnection(url, properties);
    }

    private static void check(boolean condition, String what) {
        if (!condition) {
            throw new IllegalStateException(what);
        }
    }

    private static long number(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            check(rows.next(), "no row from " + sql);
            return rows.getLong(1);
        }
    }

    private static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    // From the fifth execution on the driver uses a named statement, and binary transfer.
    private static void preparedStatements() throws SQLException {
        try (Connection connection = connect()) {
            run(connection, "drop table if exists jdbc; create table jdbc(id serial primary key, name text, n int8)");
            try (PreparedStatement insert = connection.prepareStatement("insert into jdbc(name, n) values (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
                for (int i = 1; i <= 30; i++) {
                    insert.setString(1, "name " + i);
                    insert.setLong(2, i * 1000L);
                    check(insert.executeUpdate() == 1, "insert count");
                    try (ResultSet keys = insert.getGeneratedKeys()) {
                        check(keys.next() && keys.getInt(1) == i, "generated key");
                    }
                }
            }
            try (PreparedStatement select = connection.prepareStatement("select name, n from jdbc where id = ?")) {
                for (int i = 1; i <= 30; i++) {
                    select.setInt(1, i);
                    try (ResultSet rows = select.executeQuery()) {
                        check(rows.next() && rows.getString(1).equals("name " + i) && rows.getLong(2) == i * 1000L, "row " + i);
                    }
                }
            }
        }
    }

    private static void manyStatements() throws SQLException {
        try (Connection connection = connect("prepareThreshold", "1", "preparedStatementCacheQueries", "20")) {
            for (int i = 0; i < 200; i++) {
                try (PreparedStatement select = connection.prepareStatement("select ?::int + " + i % 60)) {
                    select.setInt(1, i);
                    try (ResultSet rows = select.executeQuery()) {
                        check(rows.next() && rows.getInt(1) == i + i % 60, "sum " + i);
                    }
                }
            }
        }
    }

    private static void batches() throws SQLException {
        for (String rewrite : new String[] {"false", "true"}) {
            try (Connection connection = connect("reWriteBatchedInserts", rewrite)) {
                connection.setAutoCommit(false);
                try (PreparedStatement insert = connection.prepareStatement("insert into jdbc(name, n) values (?, ?)")) {
                    for (int i = 0; i < 1000; i++) {
                        insert.setString(1, "batch");
                        insert.setLong(2, i);
                        insert.addBatch();
                    }
                    check(insert.executeBatch().length == 1000, "batch size");
                }
                connection.commit();
            }
        }
        try (Connection connection = connect()) {
            check(number(connection, "select count(*) from jdbc where name = 'batch'") == 2000, "batch rows");
            try (Statement statement = connection.createStatement()) {
                statement.addBatch("update jdbc set n = 1 where id = 1");
                statement.addBatch("update jdbc set n = 1/0 where id = 2");
                statement.executeBatch();
                throw new IllegalStateException("a failing batch succeeded");
            } catch (SQLException error) {
                check(error.getSQLState().equals("22012"), "state of a failing batch: " + error.getSQLState());
            }
        }
    }

    private static void fetchSize() throws SQLException {
        try (Connection connection = connect()) {
            connection.setAutoCommit(false);
            try (PreparedStatement select = connection.prepareStatement("select g from generate_series(1, 5000) g")) {
                select.setFetchSize(100);
                long sum = 0;
                try (ResultSet rows = select.executeQuery()) {
                    while (rows.next()) {
                        sum += rows.getInt(1);
                    }
                }
                check(sum == 12502500, "sum with a fetch size");
            }
            connection.commit();
        }
    }

    private static void transactions() throws SQLException {
        try (Connection connection = connect("autosave", "conservative")) {
            connection.setAutoCommit(false);
            connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            run(connection, "insert into jdbc(name) values ('kept')");
            Savepoint point = connection.setSavepoint("here");
            run(connection, "insert into jdbc(name) values ('dropped')");
            connection.rollback(point);
            connection.commit();
            check(number(connection, "select count(*) from jdbc where name in ('kept', 'dropped')") == 1, "savepoint");
            try {
                run(connection, "select * from nowhere");
                throw new IllegalStateException("an unknown table was found");
            } catch (SQLException error) {
                check(error.getSQLState().equals("42P01") || REPLICATES && error.getSQLState().equals("0A000"), error.getSQLState());
            }
            connection.rollback();
            connection.setReadOnly(true);
            check(number(connection, "select count(*) from jdbc") > 0, "read only");
            connection.commit();
        }
    }

    private static void copying() throws Exception {
        try (Connection connection = connect()) {
            org.postgresql.copy.CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
            StringBuilder lines = new StringBuilder();
            for (int i = 0; i < 2000; i++) {
                lines.append(REPLICATES ? 100000 + i + "\t" : "").append("copied\t").append(i).append('\n');
            }
            check(copy.copyIn("copy jdbc(" + (REPLICATES ? "id, " : "") + "name, n) from stdin", new StringReader(lines.toString())) == 2000, "copy in");
            java.io.StringWriter out = new java.io.StringWriter();
            check(copy.copyOut("copy (select n from jdbc where name = 'copied') to stdout", out) == 2000, "copy out");
        }
    }

    private static void cancelAndTimeout() throws SQLException {
        try (Connection connection = connect(); Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            try {
                statement.execute("select pg_sleep(20)");
                throw new IllegalStateException("no timeout");
            } catch (SQLException error) {
                check(error.getSQLState().equals("57014"), error.getSQLState());
            }
            statement.setQueryTimeout(0);
            check(number(connection, "select 5") == 5, "after the timeout");
        }
    }

    private static void values() throws SQLException {
        try (Connection connection = connect("binaryTransfer", "true", "prepareThreshold", "-1");
                PreparedStatement select = connection.prepareStatement("select ?::bytea, ?::numeric, ?::timestamptz, ?::int[], ?::text")) {
            byte[] blob = new byte[100000];
            Arrays.fill(blob, (byte) 0x7f);
            select.setBytes(1, blob);
            select.setBigDecimal(2, new java.math.BigDecimal("12345678901234567890.5"));
            select.setTimestamp(3, new java.sql.Timestamp(0));
            select.setArray(4, connection.createArrayOf("int4", new Object[] {1, null, 3}));
            select.setString(5, null);
            try (ResultSet rows = select.executeQuery()) {
                check(rows.next() && Arrays.equals(rows.getBytes(1), blob) && rows.getTimestamp(3).getTime() == 0 && rows.getString(5) == null, "values");
            }
        }
    }

    private static void metadata() throws SQLException {
        try (Connection connection = connect()) {
            try (ResultSet columns = connection.getMetaData().getColumns(null, "public", "jdbc", null)) {
                int count = 0;
                while (columns.next()) {
                    count++;
                }
                check(count == 3, "columns of the table: " + count);
            }
            connection.setSchema("public");
            connection.setClientInfo("ApplicationName", "JdbcClient");
            check(connection.isValid(5), "valid");
            run(connection, "drop table jdbc");
        }
    }

    public static void main(String[] arguments) throws Exception {
        preparedStatements();
        manyStatements();
        batches();
        fetchSize();
        transactions();
        copying();
        cancelAndTimeout();
        values();
        metadata();
        System.out.println("jdbc: 9 groups of checks");
    }
}
