import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;

/** A tiny test runner: prints a line a test, `ok` or `not ok`, and what was expected. */
final class Judge {
    /** A test, which may throw whatever its client throws. */
    interface Body {
        void run() throws Exception;
    }

    private final Map<String, Body> tests = new LinkedHashMap<>();

    void test(String name, Body body) {
        if (tests.put(name, body) != null) throw new IllegalArgumentException("two tests named " + name);
    }

    /** Runs the tests whose name holds `filter` and returns how many failed. */
    int run(String filter) {
        int passed = 0;
        int failed = 0;
        for (var test : tests.entrySet()) {
            if (!test.getKey().contains(filter)) continue;
            long started = System.nanoTime();
            try {
                test.getValue().run();
                passed++;
                System.out.printf("ok - %s (%d ms)%n", test.getKey(), (System.nanoTime() - started) / 1_000_000);
            } catch (Exception | AssertionError failure) {
                failed++;
                System.out.printf("not ok - %s%n", test.getKey());
                failure.printStackTrace(System.out);
            }
        }
        System.out.printf("%d passed, %d failed%n", passed, failed);
        return failed;
    }

    static void expect(boolean holds, String what) {
        if (!holds) throw new AssertionError("expected " + what);
    }

    static void equal(Object wanted, Object found, String what) {
        if (!Objects.deepEquals(wanted, found)) {
            throw new AssertionError(what + ": expected " + wanted + ", got " + found);
        }
    }

    /** Expects the call to fail with an error of this class, bare or as the cause. */
    static Throwable refused(Class<? extends Throwable> wanted, Callable<?> call) throws Exception {
        try {
            call.call();
        } catch (Exception failure) {
            Throwable cause = failure instanceof ExecutionException ? failure.getCause() : failure;
            if (wanted.isInstance(cause)) return cause;
            throw new AssertionError("expected " + wanted.getSimpleName() + ", got " + cause, failure);
        }
        throw new AssertionError("expected " + wanted.getSimpleName() + ", and nothing was refused");
    }

    /** Waits until the probe is true; fails with what was expected. */
    static void until(String what, Callable<Boolean> probe) throws Exception {
        long deadline = System.nanoTime() + 40_000_000_000L;
        while (!probe.call()) {
            if (System.nanoTime() > deadline) throw new AssertionError("expected within 40 s: " + what);
            Thread.sleep(10);
        }
    }
}
