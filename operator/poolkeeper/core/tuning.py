"""The dials of the policy: every number that was chosen rather than derived, with its unit and its reason.

They are in one file because most of them trade late requests against accelerator-hours, so a change of one
changes what the others do. `python -m hack.bench policy.bars` measures both sides for all dials together.
`docs/tuning.md` is generated from here. What a pool's owner can set (`budgetSeconds`, `objectivePercent`, …)
is not here but in the pool.

A source that names a bar means one of the checks of `python -m hack.bench policy.bars --bar NAME`.
"""

# ## How much evidence is enough

STARTS_BEFORE_DELAY = 3
"""Starts of its own that a pool must have seen before one may be delayed.
Source: chosen; where a third of the starts are slow, the first two are fast ones half of the time."""
UNSEEN_KIND_CHANCE = 0.3
"""The chance that the next start is of a slow kind that was not seen in n starts, times (n + 1) × (n + 2).
Source: derived from a chance of 1 in 6 that a pool has two kinds (`core/learning/starts/unseen.py`)."""
COMPARED_SAMPLES = 4
"""Fewest starts among which two groups, or a change, are looked for.
Source: chosen; with fewer, each group would hold one start and show no spread."""
PROVEN_SAMPLES = 5
"""Starts that must have been seen before anything is kept warm or said about the promise, and idle gaps
before their lengths are relied on. Source: chosen; the median of five log-normal samples is within 20 % in 63
to 86 % of cases (σ from 0.5 to 0.3)."""

# ## Start times: what is remembered

REMEMBERED_STARTS = 40
"""The last starts that the learned start time is fitted to.
Source: chosen; a state of 4 KiB holds them, and more would be of other times."""
REMEMBERED_UIDS = 48
"""Pods that are remembered by uid, so that none of their starts counts twice after a restart.
Source: chosen; the remembered starts and some failed ones."""
REMEMBERED_RUNNING_STARTS = 8
"""Starts that still run and are remembered with their ages.
Source: chosen; many replicas that start together take about as long."""
START_WEIGHT_DECAY = 0.99
"""Factor by which each new start lowers the weight of those before it.
Source: chosen; the oldest of 40 still counts two thirds."""
SHORTEST_START_SECONDS = 0.05
"""A measured start that is shorter is an error of the clocks, so it is not learned.
Source: chosen; no container starts faster."""
LONGEST_START_SECONDS = 7 * 86_400.0
"""A measured start that is longer is an error of the clocks, so it is not learned.
Source: chosen; one week."""
RUNNING_SAMPLE_GROWTH = 1.2
"""A start that still runs is learned again whenever its age has grown by this factor: at 10 s, 12 s, 14.4 s.
Source: chosen; each time costs a fit, and a change of a fifth moves no decision by much."""
FIRST_LEARNED_AGE_SECONDS = 1.0
"""Age at which a start counts as having been learned before it was for the first time.
Source: chosen; a start of a second says nothing yet."""
LONGEST_BELIEVED_SECONDS = 3600.0
"""A replica that became ready later than this after its creation had been ready before and lost its
readiness, so its start is not learned. Source: chosen; no model server of today takes an hour to load."""
ADMISSION_SECONDS = 5.0
"""A replica that has a node this long after it was asked for was admitted at once, so its start begins when
it was asked for; if later, when it had the node. Source: chosen; scheduling and the creation of a pod take a
second or two in a busy cluster, and pods show instants in whole seconds."""
RELOOK_SECONDS = 240.0
"""How often a target and its starts are looked at when nothing else is a reason to. Source: chosen; a
thousand pools cost four reads a second, and a start of ten minutes is learned three times."""

SHARED_UNTIL_STARTS = 10
"""Starts of its own from which on a pool no longer counts those of others with its image and class.
Source: chosen; where 30 % are slow, ten show both kinds in 97 % of the cases."""
SHARED_STARTS_COUNT_AS = 3.0
"""How many of its own starts those of other pools count as, all together. Source: chosen; as many as must
have been seen before a start is delayed."""
SHARED_STARTS_OF_ONE_POOL = 12
"""Most starts that are taken from one pool.
Source: chosen; enough to show two kinds, and few enough to be of the present."""

# ## Waits for admission

REMEMBERED_ADMISSIONS = 8
"""The last waits for admission that are remembered per cause (a gate, a quota, no node, a node that is made).
Source: chosen; a person can check the sentence that names them, and more would be of other times."""
REMEMBERED_OF_ALL_CAUSES = 12
"""Of all causes together, so many are remembered at most; then the oldest of the most frequent cause goes.
Source: chosen; few pools meet more than two of them, and a state of 4 KiB has little room."""
WAIT_WEIGHT_DECAY = 0.85
"""Factor by which each new wait lowers the weight of those before it.
Source: chosen; of eight, the oldest counts a third: how short a class is changes within days."""
FIRST_ADMISSION_SECONDS = (600.0, 600.0, 900.0, 180.0, 300.0)
"""Median of a wait before any was seen, in seconds: for a gate, a quota, no node, a node that is being made,
and anything else. Source: chosen; 900 s is how long the cluster autoscaler waits for a node by default, and a
node with an accelerator is there within a few minutes."""
FIRST_ADMISSION_SPREAD = 1.0
"""Standard deviation of the logarithm of a wait's seconds, before any was seen.
Source: chosen; two waits of three lie within a factor of 2.7 of the median."""
HELD_SHARE_STEP = 0.3
"""Share by which each start moves the learned chance that the next one is not admitted at once.
Source: chosen; about the last three starts count, since a shortage comes and goes."""

# ## Start times: the fitted shape

FIRST_START_SPREAD = 0.5
"""Standard deviation of the logarithm of seconds, before any start has been seen.
Source: chosen; two starts of three lie within a factor of 1.65 of the expected one."""
MODE_SPREAD = 0.15
"""Standard deviation of the logarithm of seconds that is expected within one mode.
Source: chosen; starts that go the same way differ little."""
MODE_SPREAD_SAMPLES = 2.0
"""How many measured starts the expectation of `MODE_SPREAD` counts as.
Source: chosen; after ten starts the pool's own spread counts five times as much."""
LEAST_MODE_SPREAD = 0.01
"""Smallest standard deviation of a mode's logarithm.
Source: chosen; keeps a fit of equal starts from dividing by zero."""
MODE_SEPARATION_SPREADS = 5.0
"""Two modes are believed when their means lie this many spreads apart.
Source: derived; a single log-normal that is cut at its best point shows 2.7."""
LEAST_MODE_RATIO = 1.35
"""Two modes are believed when the slow one takes this many times as long as the fast one.
Source: chosen; closer modes change no decision."""
EXTRA_SLOW_STARTS = 0.7
"""Added to the number of slow starts before their share is taken.
Source: chosen; one slow start among thirty may well be one in fifteen."""
QUANTILE_HALVINGS = 14
"""Halvings of the distance between the modes' quantiles when the mixture's is searched for.
Source: derived; within a thousandth when one mode is 1000 times the other."""
START_TAILS = (
    0.95,
    0.9,
    0.8,
    0.65,
    0.5,
    0.35,
    0.2,
    0.1,
    0.05,
    0.02,
    0.01,
    5e-3,
    2e-3,
    1e-3,
    3e-4,
    1e-4,
    1e-5,
)
"""Probabilities of taking longer for which quantiles are tabulated whenever a start is learned.
Source: chosen; between them a decision interpolates, which costs less than a fit."""
CHANGE_RUN_STARTS = (3, 4, 5)
"""Lengths of the runs of last starts that are compared with the starts before them.
Source: chosen; bar `robust` (a start time that doubles)."""
CHANGE_DEVIATIONS = 3.8
"""Starts have changed when the mean of a run's logarithms lies this many standard errors from the mean
before. Source: chosen; bar `robust`."""
STRANGE_DEVIATIONS = 2.5
"""Starts have also changed when each of a run lies this many spreads from every mode.
Source: chosen; halved modes may leave the mean where the fast one was."""
LEAST_CHANGE_SPREAD = 0.08
"""Smallest standard deviation of the logarithm that a change is measured in.
Source: chosen; equal starts would make every other one a change."""

# ## When to start

EARLIEST_TAIL = 0.2
"""A starting replica is expected after the time that this share of starts exceeds, and so is a usual new one.
Source: chosen; bar `overshoot`. With a pessimistic time, each look at a running start would ask for one
more."""
START_TIME_REUSE_FACTOR = 2.0
"""One quantile of the start time is used for up to this many times the requests that it was computed for.
Source: chosen; keeps a decision fast (`python -m hack.bench policy.decisions`)."""
LATE_FOLLOWERS = 2.0
"""The risk of a start is divided by this: one half is for the requests that wait, the other for those that
will come. Source: derived; there are two of them."""
SERVICE_RATE_MARGIN = 0.9
"""Share of the learned service rate that a plan relies on.
Source: chosen; the next requests may take longer than the last ones."""
ROUND_SPREAD = 0.25
"""Over how many service times the slots of a new replica get free that were taken together.
Source: chosen; requests differ. With 0 the slots would work in step, with 1 as evenly as a fluid: of a burst
of jobs of 60 s, a fluid made 22 % late and 0.25 made 4 %, for 17 % more hours."""
LATE_START_TOLERANCE_SECONDS = 1.0
"""A start that is late by less counts as in time.
Source: chosen; the safety margin within the budget is there for it."""
CATCH_UP_BEFORE_STARTS = 1.0
"""Before a start was seen, replicas that work off a backlog beside those that the load needs, as a share of
those. Source: chosen; bars `overshoot` and `loaded`. With 2.0, code completions got 5 replicas for 2."""
QUEUE_FILL_LIMIT = 0.7
"""Share of the wait allowed that the queue may be worth when a start is ready.
Source: chosen; bar `loaded`. Beyond it, the last of a growing queue would be late."""
GRACE_BUDGET_SHARE = 0.25
"""Share of the budget within which requests that can't be in time should be taken after a usual start.
Source: chosen; bar `overshoot`."""
FIRST_STEP_REPLICAS = 32
"""Replicas that may be asked for before any is ready.
Source: chosen; bar `overshoot`. A wrong first guess costs at most these."""
GROWTH_STEP_FACTOR = 3
"""Beyond the first step, at most this many times the ready replicas are asked for.
Source: chosen; bar `overshoot`."""
STRICTEST_PERCENT = 99.99
"""From this objective on no start waits. Source: chosen; it leaves no room for what can't be foreseen, such
as one request of a minute after many of seconds."""

# ## Starts that fail

FIRST_RETRY_SECONDS = 10.0
"""Pause between an attempt to start that failed and the next one. Source: chosen; the first back-off of the
kubelet. It doubles with each further failure: 10 s, 20 s, 40 s."""
ADMISSION_PATIENCE_SECONDS = 300.0
"""A pod may be gated or find no node for so long before that counts as trouble. Source: chosen; a cluster
autoscaler adds a node within a few minutes."""
PROVISIONING_PATIENCE_SECONDS = 900.0
"""A node may be made for a pod for so long before that counts as trouble.
Source: the cluster autoscaler gives up a node after 15 minutes by default (max-node-provision-time)."""
OVERDUE_FACTOR = 1.5
"""A start is overdue once it has taken this many times as long as 95 % of the starts that ended. Source:
chosen; of log-normal starts with a spread of 0.3, one in 600 is, and one that will never end soon."""
LEAST_OVERDUE_SECONDS = 10.0
"""A start is never overdue before it has taken so much longer than 95 % of the starts that ended.
Source: chosen; among starts of a few seconds, a busy node makes one of ten seconds."""
LONGEST_RETRY_SECONDS = 300.0
"""Longest pause between two attempts to start.
Source: the longest back-off of the kubelet for a container that crashes or an image that can't be pulled."""

# ## Starts that outlast the budget

LEAD_TAIL = 0.2
"""A start ahead of a request is planned with the time that this share of starts exceeds.
Source: chosen; early enough four times out of five."""
START_AHEAD_PREMIUM = 1.15
"""A start ahead of a request must promise to save this many times its cost. Source: the optimizer's curse
(Smith and Winkler, Management Science 52(3), 2006): of many estimated chances the best is worse than it
looks; the factor is chosen."""
LATE_SHORTFALL_SHARE = 0.05
"""While requests are late, a start counts as outlasting the budget by at least this share of itself.
Source: chosen; bar `loaded`."""
RETEST_SECONDS = 86_400.0
"""A pool that is kept warm is let down after it has been up for so long and is idle. Source: chosen; only a
new start can show that starts have become faster, and one late request a day is its price."""

# ## Sources that show requests only at zero

SOON_SHARE = 0.2
"""After a stop, a request came soon if the pool had then been at zero for at most this share of the silence
before. Source: derived; if requests came as often before, that happens by chance at one stop in six. Requests
that come further apart than a start and 1.2 times the idle time never count against a source."""
BLIND_STOPS = 2
"""After so many stops in a row after which a request came soon, the silence of the source is not believed.
Source: chosen; each such stop costs a start, and one may be chance."""
BLIND_SECONDS = 1800.0
"""How long the silence is not believed at first; twice as long after each further stop of that kind, at most
RETEST_SECONDS. Source: chosen; only a stop can show that requests come no more, and half an hour of idling
is what a wrong guess costs."""

LASTING_POLLS = 1.5
"""Requests that are seen at no more polls than this, on average, may be done between two polls.
Source: derived; a request that lasts as long as a poll interval is seen at one or two polls, a shorter one at
one or none."""
LASTING_REQUESTS = 20.0
"""How many requests the mean of that remembers. Source: chosen; a few starts of a pool with short requests
are enough to show it."""

# ## When to stop

MINIMUM_UP_SECONDS = 2.0
"""A replica stays up for at least so long after it became ready.
Source: chosen; a request that waited for it has been taken and is seen within this time."""
FOREIGN_START_SECONDS = 1800.0
"""Replicas that another writer set are not taken back while they start, for at least so long.
Source: chosen; a node that is bought for them takes minutes, and a large model some more."""
LONGEST_IDLE_SECONDS = 6 * 3600.0
"""However much a late request costs, an idle pool does not wait for the next one longer than this.
Source: chosen; bar `hurried`."""
SAME_POLL_SHARE = 0.5
"""Readings less than this share of a poll interval apart are of the same poll. Source: chosen; polls are
never exactly on time. An idle pool stops at the second empty poll, because at the first one a request may be
between the queue and being seen in flight."""

# ## Idle gaps

SHORTEST_GAP_SECONDS = 0.5
"""Width of the first bin of gaps.
Source: chosen; the default poll interval, below which no gap is seen."""
GAP_BIN_RATIO = 1.2
"""Each bin of gaps ends at this many times the end of the one before it.
Source: chosen; 20 % is as exact as a hazard from few gaps gets."""
GAP_BINS = 75
"""Bins of gaps; all but the last end within four days.
Source: chosen; the state stays within 4 KiB."""
GAP_DECAY = 0.99
"""Factor by which a gap that reaches a bin lowers what the bin counted before.
Source: chosen; about the last hundred gaps count."""
TRAFFIC_MEMORY_SECONDS = 900.0
"""Time after which a request counts a third in the traffic that parts the contexts.
Source: chosen; a quarter of an hour."""
TRAFFIC_LEVELS = (1.5, 6.0)
"""Decayed numbers of recent requests that part little, some and much traffic.
Source: chosen; one request, a few, a session."""
POOLED_GAPS_WEIGHT = 10.0
"""What all contexts say counts as much as this many gaps of the context itself.
Source: chosen; bar `cost`."""
NEARBY_GAPS_WEIGHT = 30.0
"""What the gaps of nearby ages say counts as much as this many gaps of the age itself. Source: chosen; bar
`hurried`. Few gaps reach an hour, and a period shows in more gaps than this."""
NEARBY_GAP_BINS = 6.0
"""A bin so many bins away counts a third in that. Source: chosen; three times as old, or a third."""
GAP_TAIL_INDEX = 0.5
"""Tail of the gaps before any is seen: with 0.5 a gap is half as likely to last four times as long.
Source: chosen; gaps of agents and functions have heavy tails."""
GAP_PRIOR_WEIGHT = 3.0
"""How many gaps that assumption is worth.
Source: chosen; bar `hurried`. Long gaps are few: with less, their accidents pass for a rule."""

# ## Times of day

DAYTIME_SLOT_SECONDS = 900.0
"""Width of a slot of the day in which silences may end.
Source: chosen; a team begins within about half an hour."""
DAYTIME_FROM_SECONDS = 3600.0
"""The time of day counts only once a silence has lasted this long.
Source: chosen; shorter ones end by their age."""
DAYTIME_LONGEST_SECONDS = 3 * 86_400.0
"""Of a longer silence only this last part is learned.
Source: chosen; a weekend, and a holiday says nothing about habits."""
DAYTIME_EVIDENCE = 10.0
"""Most silences that a slot or a day of the week remembers.
Source: chosen; habits change within weeks."""
DAYTIME_FIRST_ENDS = 1.0
"""Silences that ended before any was seen, within DAYTIME_FIRST_SLOTS slots.
Source: chosen; one silence in twelve hours ends."""
DAYTIME_FIRST_SLOTS = 48.0
"""Slots spent in silence before any was seen.
Source: chosen; twelve hours."""
DAYTIME_SLOT_PRIOR = 1.0
"""How many silences through a slot say that the slot is like the others.
Source: chosen; a week of mornings must show."""
DAYTIME_WEEKDAY_PRIOR = 0.5
"""How many ends on a day of the week say that the day is like the others.
Source: chosen; a weekend shows after two."""
DAYTIME_SCORE_DECAY = 0.9
"""Factor by which each long silence lowers the score of those before it.
Source: chosen; about the last ten count."""
DAYTIME_PROVEN_SCORE = 4.0
"""The time of day is used while the logarithm of its likelihood ratio to the gap's age is above this.
Source: chosen; the last ends were then fifty times as likely by the time of day."""
DAYTIME_LARGEST_SCORE = 10.0
"""Bound of that score.
Source: chosen; habits that end must show within some silences."""

# ## Late requests and the objective

MOST_RISK = 0.5
"""Largest probability of being late that a start may take.
Source: chosen; beyond it, a start would be planned to be late."""
RISK_GAIN = 0.1
"""By how much, as a logarithm, one late request too many lowers the risk that a start may take. Source:
chosen; bar `objective`. Later requests in time pay it back: a forgetting average would stay above the
target."""
LEAST_RISK_FACTOR = 0.05
"""Smallest factor on the risk.
Source: chosen; bounds how long a balance from other times must be paid back."""
MOST_RISK_FACTOR = 4.0
"""Largest factor on the risk.
Source: chosen; as above."""
DELAY_GAIN = 0.5
"""By how much, as a logarithm, one late request too many shortens the delay of a start. Source: chosen; bar
`promise`. At 99.9 %, one of a thousand requests may be late, so the second one must show."""
DELAY_SHARE = 0.0003
"""Share of the requests that delays may make late where the objective leaves less. Source: chosen; starts at
the deadline may make 0.1 points more late than starts at once, and a pool has too few requests to tell."""
OBJECTIVE_MEMORY_REQUESTS = 3000.0
"""Requests after which one counts a third in the share that is late by other causes than a delay.
Source: chosen; a share of 0.1 % shows in them."""
PER_START_STEP = 0.1
"""Share by which each start moves the learned number of requests that a start serves.
Source: chosen; about the last ten starts count."""
REMEMBERED_RESTARTS = 40
"""Restarts from zero over which the number of requests that one makes late is averaged. Source: chosen; as
many as starts are remembered. Where only a slow start makes requests late, few restarts do, so that a short
memory would forget them in between."""
FIRST_LATE_PRICE = 0.0125
"""First price of a late request, in starts, where every request may be late; divided by the allowed share.
Source: chosen; bar `hurried`. At 99 % it is 1.25 starts."""
MOST_FIRST_LATE_PRICE = 2.5
"""Largest first price of a late request, in starts, where starts are expected to fit the budget. Source:
chosen; bar `cost`. There delays decide how many requests are late, and a high price would only buy idling."""
LATE_PRICE_STEP = 0.01
"""By how much, as a logarithm, a restart's late requests raise that price, beyond those declared.
Source: chosen; bar `hurried`. A price that swings costs more than one that stays."""
LEAST_LATE_PER_RESTART = 0.25
"""Where restarts make fewer requests late on average, each late request counts as if it were so many.
Source: chosen; a rare late request must not turn the price around."""
LARGEST_LATE_PRICE_STEP = 0.3
"""Largest single change of the price, as a logarithm.
Source: chosen; one burst must not turn it around."""
LEAST_LATE_PRICE = 0.01
"""Smallest price of a late request, in starts.
Source: chosen; a late request always costs something."""
HIGHEST_LATE_PRICE = 20.0
"""Largest price of a late request, in starts, and of all that one restart makes late. Source: chosen; beyond
it, each request that is saved would cost ten times as much as a usual one."""
RESTARTS_PER_START = 10.0
"""Where starts fit the budget, what a restart makes late is worth at most one start for each so many restarts
that were seen. Source: chosen; bar `cost`. There requests are late in line behind a start, which idling
rarely prevents, and few restarts can't show whether it does: without this limit, pools of ten bursts cost
a third more hours, and as many requests were late."""
LATE_TOGETHER_EXPONENT = 0.1
"""How fast that worth falls with the number of late requests: by a fifth when there are ten times as many.
Source: chosen; bar `hurried`."""

# ## Load and service

SHORTEST_SMOOTHING_SECONDS = 5.0
"""Shortest time over which the load is averaged.
Source: chosen; ten polls."""
LONGEST_SMOOTHING_SECONDS = 60.0
"""Longest time over which the load is averaged; in between it follows the budget.
Source: chosen; the longer requests can wait, the longer a clump of them may be averaged out."""
SMOOTHINGS_PER_BUDGET = 3.0
"""The load is averaged over the budget divided by this.
Source: chosen; as above."""
CHANCE_DEVIATIONS = 1.5
"""Standard deviations of a Poisson load by which its recent average may differ from the steady one by chance.
Source: square-root staffing (Halfin and Whitt, Operations Research 29(3), 1981); the factor is chosen."""
LARGEST_RESERVE = 4.0
"""Most standard deviations of a rise of the load that replicas are kept in reserve for.
Source: chosen; one rise in 30,000 is larger."""
RESERVE_STEP = 0.0001
"""By how many of them one late request too many raises the reserve, per 1 / allowed share.
Source: chosen; as LATE_PRICE_STEP."""
LARGEST_RESERVE_STEP = 0.5
"""Largest single rise of the reserve, in standard deviations. Source: chosen; one burst must not decide."""
REMEMBERED_RISES = 8.0
"""Over how many windows the rises of the load are averaged.
Source: chosen; with starts of 240 s that is a quarter to half an hour."""
PEAK_START_SHARE = 0.5
"""Replicas are surplus when they were above the peak of the load for this share of a restart's time, or twice
it. Source: chosen; a stop for less would cost more than it saves."""
FIRST_SERVICE_SECONDS = 10.0
"""Time that one request takes before any has been seen. Source: chosen; an answer of a chat or a step of an
agent. Too few replicas for the first burst are late by a whole start, too many only idle."""
FIRST_SERVICE_REQUESTS = 1.0
"""How many completed requests that assumption is worth.
Source: chosen; forgotten after a few completions."""
SERVICE_MEMORY_SECONDS = 1800.0
"""Busy replica-seconds after which an observation has lost two thirds of its weight.
Source: chosen; half an hour of work of one replica."""

# ## What no decision can avoid

ALWAYS_ON_FACTORS = (2, 4)
"""Multiples of `replicas.max` for which it is followed how many requests would be late if so many replicas
were always ready; one replica more is followed, too. Source: chosen; the advice names the first one that
keeps the promise."""
ALWAYS_ON_LEAST_COMPLETIONS = 5.0
"""Completed requests from which on that is followed. Source: chosen; before, the service time is a guess."""
ALWAYS_ON_MEMORY_REQUESTS = 2000.0
"""Requests after which a count of late ones has lost two thirds of its weight.
Source: chosen; an objective of 99.5 % allows ten late ones among them."""
ALWAYS_ON_LATE_DEVIATIONS = 2.0
"""A promise is said to be out of reach when the late requests exceed those allowed by so many standard
deviations of a Poisson count. Source: chosen; five late requests in a pool that allows none."""

# ## Margins and limits of a decision

SAFETY_MARGIN_SECONDS = 0.5
"""Time between a need and its effect that is not part of a start: writing and taking; a poll is added.
Source: chosen; `python -m hack.bench queue.reaction` measures what it must cover."""
SAFETY_MARGIN_BUDGET_SHARE = 0.1
"""Largest share of the budget that the margin may take.
Source: chosen; a budget of 2 s still leaves 1.8 s."""
LEAST_ALLOWED_SHARE = 1e-4
"""Smallest share of requests that may be late, also where the objective is 100 %.
Source: chosen; the last quantile that the start times are tabulated for is 1e-5."""
ARRIVAL_BUCKETS = 64
"""Most groups of waiting requests by arrival that are distinguished in one source.
Source: chosen; bounds the time of a decision (`python -m hack.bench policy.decisions`)."""

# ## Requests in flight that hang

UNDECLARED_SERVICE_SECONDS = 3600.0
"""A request in flight that has not moved for longer is shown where `maxServiceSeconds` is not declared.
Source: chosen; few jobs take an hour, and nothing but the condition depends on it."""
UNDECLARED_SERVICE_FACTOR = 20.0
"""It is shown only once it has not moved for this many times the learned service time, if that is longer.
Source: chosen; a job of twenty times the usual length is rare enough to be looked at."""
EXCESS_SECONDS = 2.0
"""How long, besides a poll, more requests must be in flight than there are slots until that is believed.
Source: chosen; the end of a pod may be seen a moment before the poll that no longer shows its request."""

# ## Several classes of accelerators

MOST_ARMS = 5
"""Most classes of one pool: the preferred one and its fallbacks.
Source: chosen; what was learned of each must fit into the status."""
SAVED_FALLBACK_STARTS = 10
"""Starts on each class but the first that are kept over a restart. Source: chosen; as many as show two kinds
of starts."""
LAST_CALL_SECONDS = 2.0
"""A start on another class is made no later than so long before it would miss the deadline. Source: chosen;
the next poll and the write of the replicas fit in."""
SOONER_FACTOR = 2.0
"""Where no class can meet the deadline, a class is left for a later one only if that one is ready this many
times sooner. Source: chosen; a dearer replica that is a tenth faster breaks the promise as well."""
SCARCE_AFTER_SECONDS = 180.0
"""A class has no capacity if a replica has waited for a node for so long, or for twice the usual wait if that
is longer. Source: chosen; Karpenter remembers for 3 minutes that an offering is not available, so that a
shorter try may not have been one."""
SCARCE_FIRST_PAUSE_SECONDS = 180.0
"""Pause after a class was asked for capacity in vain, which doubles with each further time. Source: chosen;
as above."""
SCARCE_LONGEST_PAUSE_SECONDS = 600.0
"""The longest of these pauses. Source: chosen; each one prolongs the time on a dearer class after capacity
has returned (`python -m hack.bench policy.stockout`)."""
SCARCE_FORGOTTEN_SECONDS = 1200.0
"""A class that could have been asked again for so long, and was not, gets the next start. Source: chosen; a
pool that seldom works would never learn that capacity has returned, and another class is at hand if not."""
MOVE_REST_SECONDS = 120.0
"""Shortest time between two tries to move load to a class that comes before the present one. Source: chosen;
longer than most starts, so that the outcome of the one before is seen."""
SURGE_REPLICAS = 1
"""Replicas that a pool may have above its maximum while load moves from one class to another. Source: chosen;
without one, a pool with a maximum of 1 could only move by being down for a start."""
