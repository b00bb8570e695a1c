/** Apache Kafka and Ottla take turns on one directory, and nobody can tell who wrote what. */
public final class Exchange {
    /** What the two do not both answer, and what the time changes. */
    static final String MAY_DIFFER = "rules|credentials|quotas|voters|.*forgotten.*";

    /** Who takes turns with Apache Kafka; Kafka itself, where the tests are judged. */
    static final Node.Kind OTHER = "kafka".equals(System.getenv("OTTLA_JUDGED")) ? Node.Kind.KAFKA : Node.Kind.OTTLA;

    public static void main(String[] arguments) throws Exception {
        Judge judge = new Judge();
        FileByFile.tests(judge);
        Cleaning.tests(judge);
        CompactionTester.tests(judge);
        Journey.tests(judge);
        LiveGroups.tests(judge);
        Hanging.tests(judge);
        int failed = judge.run(arguments.length > 0 ? arguments[0] : "");
        System.exit(failed == 0 ? 0 : 1);
    }
}
