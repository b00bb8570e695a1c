"""Groups whose members are different clients, and groups that change their protocol while they live.

All the while a producer sends to every partition; in the end everything it sent was consumed.
"""

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from expect import BOOTSTRAP, until
from members import AiokafkaMember, ConfluentMember, Feed, JavaMember

PARTITIONS = 6
pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def live(name):
    """A topic that a producer writes to; at the end of the test its members are stopped."""
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
    group = Group(name, admin)
    yield group
    group.close()


class Group:
    """The members of one group, those that left too."""

    def __init__(self, name, admin):
        self.name, self.admin = name, admin
        self.feed = Feed(name, PARTITIONS)
        self.members, self.gone = [], []

    def join(self, kind, **options):
        self.members.append(kind(self.name, self.name, **options))
        return self.members[-1]

    def leave(self, member, ending="stop"):
        self.members.remove(member)
        self.gone.append(member)
        getattr(member, ending)()

    def spread(self):
        """Waits until every partition has just one owner and every member has some."""

        def settled():
            owned = [member.owned() for member in self.members]
            return owned if sorted(sum(owned, [])) == list(range(PARTITIONS)) and all(owned) else None

        return until(settled, f"{PARTITIONS} partitions spread over {self.members}", 60)

    def described(self):
        return self.admin.describe_consumer_groups([self.name])[self.name].result(30)

    def everything_is_consumed(self):
        sent = self.feed.stop()
        assert len({partition for partition, _ in sent}) == PARTITIONS

        def missing():
            consumed = set().union(*(set(member.consumed) for member in self.members + self.gone))
            return [] if sent <= consumed else None

        until(lambda: missing() is not None, f"all {len(sent)} records to be consumed", 30)

    def close(self):
        self.feed.stopping.set()
        for member in self.members:
            member.stop()


ORDERS = [
    [JavaMember, ConfluentMember, AiokafkaMember],
    [ConfluentMember, AiokafkaMember, JavaMember],
    [AiokafkaMember, JavaMember, ConfluentMember],
]


@pytest.mark.parametrize("kinds", ORDERS, ids=lambda kinds: kinds[0].__name__.removesuffix("Member") + "-leads")
@pytest.mark.parametrize("assignor", ["range", "roundrobin"])
def test_three_clients_share_a_classic_group(live, assignor, kinds):
    for kind in kinds:
        live.join(kind, assignor=assignor)
        live.spread()
    group = live.described()
    assert group.partition_assignor == assignor and len(group.members) == 3 and group.state.name == "STABLE"
    # The one that computed the assignments leaves, and another one has to.
    live.leave(live.members[0])
    live.spread()
    live.join(kinds[0], assignor=assignor)
    live.spread()
    live.everything_is_consumed()


def test_two_clients_cooperate_in_a_classic_group(live):
    for kind in [JavaMember, ConfluentMember, JavaMember]:
        live.join(kind, assignor="cooperative-sticky")
        live.spread()
    live.leave(live.members[0])
    live.spread()
    live.everything_is_consumed()


@pytest.mark.parametrize("kinds", [[JavaMember, ConfluentMember], [ConfluentMember, JavaMember]], ids=["Java-first", "Confluent-first"])
def test_two_clients_share_a_group_of_the_consumer_protocol(live, kinds):
    for kind in kinds + [JavaMember]:
        live.join(kind, protocol="consumer")
        live.spread()
    group = live.described()
    assert group.type.name == "CONSUMER" and len(group.members) == 3
    live.leave(live.members[0])
    live.spread()
    live.everything_is_consumed()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_what_a_killed_member_owned_is_consumed_by_the_others(live, protocol):
    for kind in [ConfluentMember, JavaMember]:
        live.join(kind, protocol=protocol)
        live.spread()
    live.leave(live.members[1], "kill")
    # A session of the consumer protocol is 45 s, and only then are its partitions free.
    until(lambda: live.members[0].owned() == list(range(PARTITIONS)), "the other one to own all", 75)
    live.everything_is_consumed()


@pytest.mark.parametrize("assignor", ["range", "cooperative-sticky"])
def test_a_live_group_goes_over_to_the_consumer_protocol_and_back(live, assignor):
    kinds = [JavaMember, ConfluentMember, JavaMember]
    for kind in kinds:
        live.join(kind, assignor=assignor)
        live.spread()
    for protocol, options in [("consumer", {"protocol": "consumer"}), ("classic", {"assignor": assignor})]:
        for kind in kinds:
            # As an application is deployed: one instance stops, and starts again with new settings.
            live.leave(live.members[0])
            live.spread()
            live.join(kind, **options)
            live.spread()
        assert live.described().type.name == protocol.upper()
    live.everything_is_consumed()
