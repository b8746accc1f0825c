"""The names of everything the ledger keeps in Redis.

<p>job:<job>             hash     the job record
<p>call:<call>           hash     the call record
<p>attempts:<call>       hash     attempt number -> JSON record
<p>events:<job>          stream   one entry per transition, id `<sequence>-0`
<p>feed                  stream   the events of all jobs, the newest 20,000 or so, for those who watch many
<p>needs:<job>           set      jobs that must finish before this one may start
<p>workflow:<workflow>   hash     steps in order and the job of each, open and kept jobs, budget and what is spent of it
<p>batch:<batch>         hash     state, rows fed and open, what has ended by state, budget
<p>batch_chunks:<batch>  list     `<SHA-256>:<rows>` of the assets that hold its rows
<p>batch_jobs:<batch>    list     job of each row that was fed, in order
<p>batch_assets:<batch>  list     assets that it holds
<p>batches, <p>batches:<tenant>  zset  batch that is being fed, every batch -> its start, ms
<p>batch_retention       zset     batch -> when its record goes, ms
<p>reuse:<tenant>:<hash> string   job whose result equal ones take over, or wait for
<p>followers:<job>       list     jobs that wait for its result
<p>guardrail             string   what workers hold calls against that name nothing else: a guardrail and its gates
<p>secret                string   drawn at random; links that let a person decide are signed with it
<p>key:<key>             hash     API key: SHA-256 of its secret (of the one before it, too), tenant, scopes, name, times
<p>keys                  zset     API key -> when it was made, ms
<p>audit                 stream   what operators did, the newest 10,000 or so
<p>hook:<hook>           hash     webhook endpoint: url, types, secret, the one before it, why it is disabled
<p>hooks:<tenant>        set      the tenant's endpoints
<p>messages              string   counts messages
<p>outboxes              set      endpoints for which something waits
<p>outbox:<hook>         zset     delivery that waits -> when it is due, ms; while it is under way: until when
<p>hook_busy:<hook>      zset     delivery under way -> until when, ms
<p>delivery:<delivery>   hash     message, type, subject, what it says, state, tries; goes after 30 days
<p>delivery_log:<delivery>  list  each try as JSON
<p>deliveries:<hook>     zset     the newest 1,000 deliveries -> when they began, ms
<p>signing_key           string   private half of the key pair that signs webhooks
<p>templates:<tenant>    set      names under which documents of workflows are saved
<p>template:<tenant>:<name>  hash  version -> the document as JSON
<p>gates                 zset     gate at which a person is asked -> until when, ms
<p>idem:<tenant>:<key>   string   JSON: job or workflow and request fingerprint
<p>open_lanes            zset     lanes in which calls wait -> 0; in order of their names, like the next
<p>known_lanes           set      lanes that ever had a job or a pool
<p>lane:<lane>           hash     mode, virtual:<class> (the fair queue's virtual time), owed:<class> (for its floor), took_ms
<p>last_lane             string   the lane that was served last
<p>pools:<lane>          set      pools the lane draws on
<p>pool:<pool>           hash     quota by source (settings_rpm, aws_rpm, catalogue_rpm, unknown, off, share, margin, scale,
                                  concurrency, tpm, aws_concurrency, aws_tpm; told_ms: by a worker, last), pacing (tat_us,
                                  tokens_us, rest_until_us), what was learned (rate, rate_us, good, steady, cut_us, cuts,
                                  refused_us, refused_in_all), circuit (refusals, open_until_us, open_s, probe)
<p>sent:<pool>           zset     call:fence let go in the last two minutes and not refused -> when its request went out, us
<p>refused:<pool>        zset     call:fence that the service refused as too much in the last minute -> when, us
<p>flight:<pool>         zset     call that was let go and has not ended -> when, ms
<p>reaches:<lane>        zset     choices of pools, joined by commas, that calls of the lane wait for -> 0
<p>turn:<lane>:<class>:<reach>   zset   tenant that may go -> its virtual time
<p>past:<lane>:<class>   zset     tenant -> where its virtual time stood when it last went
<p>park:<lane>:<class>:<tenant>:<reach>  zset  call -> deadline in ms
<p>lists:<tenant>        set      the tenant's lists, `lane|class|reach`
<p>waits:<lane>          zset     parked call -> since when, ms
<p>queue:<lane>          hash     class|tenant -> parked calls
<p>tenants               set      tenants for which something is set
<p>tenant:<tenant>       hash     weight, running, queued, queue_ms, mode
<p>running:<tenant>      set      calls that were let go and have not ended
<p>queued:<tenant>       set      jobs of which nothing has started
<p>queues                set      queues of the broker that workers read
<p>pending:<queue>       set      admitted call that nobody has claimed
<p>work:<worker>         set      claimed call
<p>unclaimed             zset     admitted call -> when to publish again, ms
<p>leases                zset     leased call -> lease end, ms
<p>owed                  zset     parked call whose answer is stored: it needs no quota -> since when, ms
<p>held                  zset     call with an unknown outcome that waits for a decision -> since when, ms
<p>snoozed               zset     call -> when to park again, ms
<p>deadlines             zset     job -> start_by or finish_by, whichever is first, ms; once it has started, finish_by
<p>retention             zset     terminal job -> when its records go, ms
<p>untold                zset     terminal job whose story is not written yet -> its end, ms
<p>dead                  zset     dead letter: failed job that waits for a person -> its end, ms
<p>removing              zset     story:, receipt: or asset:<name> that the store is to lose -> when handed out, ms; 0: not yet
<p>removed               zset     SHA-256 of assets removed within the last hour -> when, ms
<p>ledger                string   the ledger's own name, drawn at random; the asset store holds it, too
<p>swept_ms              string   when a worker last began to look through the asset store
<p>retired               hash     model -> JSON {at_ms, source, text}: what says that it is retired
<p>spend                 hash     UTC day (since the epoch) -> what its calls cost or may have cost, millionths of a dollar
<p>assets, <p>assets:<tenant>  hash  SHA-256 -> how many jobs, and how many of the tenant, hold it
<p>uploaded:<tenant>:<SHA-256>  string  set while the tenant may use a picture that it stored and no job holds yet
<p>wake_at_us            string   when the loops that were told will ask again, microseconds
<p>grace                 string   set while leases that ran out are forgiven, after the ledger was away
<p>reconciled_ms         string   when the reconciler last looked
<p>jobs, <p>jobs:<tenant> zset    job -> creation, ms
<p>workers               zset     worker -> registration end, ms
<p>worker:<worker>       hash     slots, host, pid, started_ms, queue, lanes (none: all)
<p>wake                  channel  an admission loop should look again now

`<p>vector:` and `<p>vectors` are the image search's, where it keeps its vectors in this server: see `darkroom.search.server`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under one prefix, so that several ledgers can share a server."""

    prefix: str = "dr:"

    def job(self, job_id: str) -> str:
        """Hash of a job record."""
        return f"{self.prefix}job:{job_id}"

    def call(self, call_id: str) -> str:
        """Hash of a call record."""
        return f"{self.prefix}call:{call_id}"

    def attempts(self, call_id: str) -> str:
        """Hash of attempt records by number."""
        return f"{self.prefix}attempts:{call_id}"

    def events(self, job_id: str) -> str:
        """Stream of a job's events."""
        return f"{self.prefix}events:{job_id}"

    @property
    def feed(self) -> str:
        """Stream of the events of all jobs."""
        return f"{self.prefix}feed"

    @property
    def audit(self) -> str:
        """Stream of what operators did."""
        return f"{self.prefix}audit"

    def workflow(self, workflow_id: str) -> str:
        """Hash of a workflow record."""
        return f"{self.prefix}workflow:{workflow_id}"

    def batch(self, batch_id: str) -> str:
        """Hash of a batch's record."""
        return f"{self.prefix}batch:{batch_id}"

    def batch_chunks(self, batch_id: str) -> str:
        """List of the assets that hold a batch's rows."""
        return f"{self.prefix}batch_chunks:{batch_id}"

    def batch_jobs(self, batch_id: str) -> str:
        """List of the jobs of a batch's rows, in order."""
        return f"{self.prefix}batch_jobs:{batch_id}"

    def batches(self, tenant: str) -> str:
        """Sorted set of a tenant's batches by their start."""
        return f"{self.prefix}batches:{tenant}"

    def template(self, tenant: str, name: str) -> str:
        """Hash of the documents of workflows that are saved under a name, by version."""
        return f"{self.prefix}template:{tenant}:{name}"

    def templates(self, tenant: str) -> str:
        """Set of the names under which a tenant has saved documents."""
        return f"{self.prefix}templates:{tenant}"

    def jobs(self, tenant: str | None = None) -> str:
        """Sorted set of jobs by creation, of one tenant or of all."""
        return f"{self.prefix}jobs" + (f":{tenant}" if tenant else "")

    def pool(self, pool: str) -> str:
        """Hash of a pool's pacing state."""
        return f"{self.prefix}pool:{pool}"

    def idempotency(self, tenant: str, key: str) -> str:
        """What was submitted under a tenant's key."""
        return f"{self.prefix}idem:{tenant}:{key}"

    def tenant(self, name: str) -> str:
        """Hash of what is set for a tenant."""
        return f"{self.prefix}tenant:{name}"

    @property
    def tenants(self) -> str:
        """Set of the tenants for which something is set."""
        return f"{self.prefix}tenants"

    @property
    def untold(self) -> str:
        """Sorted set of terminal jobs whose story is still to be written."""
        return f"{self.prefix}untold"

    @property
    def dead(self) -> str:
        """Sorted set of jobs that gave up and wait for a person."""
        return f"{self.prefix}dead"

    @property
    def held(self) -> str:
        """Sorted set of calls that wait for a decision about their unknown outcome."""
        return f"{self.prefix}held"

    @property
    def spend(self) -> str:
        """Hash of spending by UTC day."""
        return f"{self.prefix}spend"

    @property
    def retired(self) -> str:
        """Hash of the models that are known to be retired."""
        return f"{self.prefix}retired"

    @property
    def reconciled(self) -> str:
        """When the reconciler last looked, milliseconds."""
        return f"{self.prefix}reconciled_ms"

    @property
    def wake(self) -> str:
        """Channel that wakes admission loops."""
        return f"{self.prefix}wake"
