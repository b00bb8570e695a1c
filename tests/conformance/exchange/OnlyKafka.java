import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** What only Apache Kafka can be asked to write, and what Ottla must keep all the same. */
final class OnlyKafka {
    static void write(Admin admin, Workload work) throws Exception {
        var rule = new AclBinding(new ResourcePattern(ResourceType.TOPIC, "codec-", PatternType.PREFIXED),
            new AccessControlEntry("User:bob", "*", AclOperation.READ, AclPermissionType.DENY));
        admin.createAcls(List.of(rule)).all().get();
        var quota = new ClientQuotaAlteration(new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "bob")),
            List.of(new ClientQuotaAlteration.Op("producer_byte_rate", 1234567.0)));
        admin.alterClientQuotas(List.of(quota)).all().get();
        var features = admin.describeFeatures().featureMetadata().get().finalizedFeatures();
        if (features.containsKey("group.version")) work.modernGroup();
    }
}
