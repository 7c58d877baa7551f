/* Two leads with one address (I10), for spin to play in every order: `make model`. How one draft is claimed and settled is
 * claim.pml's; here a claim, its call and its record are a few steps, and what matters is what each of them has locked.
 *
 * Lead 1 has the address A. Lead 2 has it too, or B, and may be moved from the one to the other. Each has a follow-up of one
 * step. A send that surely was not one (NotSent) leaves a draft that is frozen to the address of that time.
 * Names are those of the Python: lock_lead, lock_person, locked_recipients (store/), read_facts, claim_step, end_reached.
 * At READ COMMITTED a statement sees what was committed when it began; a transaction is seen whole, when it commits.
 */
#define A 0
#define B 1
#define STOPPER 3        /* who holds a lock: 1 and 2 are the claims of the two leads */
#define MOVER 4

/* What a search plays, and which guard it leaves out: proof/model/scenes.py says it by MODEL_* in the environment of pan. */
byte variant, stops_left, moves_left;
bool cap, gap, alone;    /* what limits sends: a cap of one, a gap, one follow-up at a time */

/* The guards, one by one. */
#define RECIPIENT_UNLOCKED (variant == 1)
#define STOP_OF_LEAD_ALONE (variant == 2)
#define SENDS_OF_LEAD_ALONE (variant == 3)
#define OTHERS_UNREAD (variant == 4)
#define ISOLATION_UNPINNED (variant == 5)      /* facts are those of the transaction's first statement, which waits for locks */
#define ADDRESS_READ_ONCE (variant == 6)
#define FROZEN_UNREAD (variant == 7)
#define OLD_ADDRESS_UNLOCKED (variant == 8)

mtype = { NONE, PENDING, SENDING, SENT, NOT_SENT, UNKNOWN };

/* --- what PostgreSQL holds ------------------------------------------------------------------------------------- */
byte address[2] = A;                        /* of a lead */
mtype state[2] = NONE;                      /* of the draft of its follow-up's one step */
byte frozen_to[2];                          /* the address its message goes to */
bool long_ago[2];                           /* it was sent, or claimed, longer ago than the gap */
bool over[2];                               /* the follow-up has ended */
bool stop_of[2];                            /* a stop was recorded that reaches the address */
bool moved;                                 /* lead 2 had the other address before */
byte recipient[2], row[2], name[2];         /* locks, and who holds them; 0: nobody */

/* --- the truth, for the assertions ------------------------------------------------------------------------------- */
bool stopped[2];                            /* somebody at the address has said stop, and that was committed */
byte copies[2];                             /* messages that went to the address */

#define broken(is_so, sentence) if :: is_so -> printf(sentence); assert(false) :: else fi
#define can_lock(lock, who) (lock == 0 || lock == who)
#define other (1 - i)
#define may_be_out(n) (state[n] == SENDING || state[n] == SENT || state[n] == UNKNOWN)
#define is_frozen(n) (state[n] != NONE)
#define is_open(n) (state[n] == PENDING || state[n] == SENDING || state[n] == UNKNOWN)
#define same_address (address[0] == address[1])

inline unlock(lock) { if :: lock == me -> lock = 0 :: else fi }
inline commit() { unlock(recipient[A]); unlock(recipient[B]); unlock(row[0]); unlock(row[1]); unlock(name[0]); unlock(name[1]) }

/* --- store/facts.py, read_facts; store/limits.py, last_sends --------------------------------------------------------- */
/* the address of the lead may have changed since the draft was frozen: what is true of either counts */
#define its(to) (address[i] == to || (is_frozen(i) && frozen_to[i] == to && !FROZEN_UNREAD))
#define to_the_same (may_be_out(other) && its(frozen_to[other]) && !SENDS_OF_LEAD_ALONE)

inline read_facts() {
    printf("| the claim of lead %d reads the facts\n", i + 1);
    must_end = over[i] || (!STOP_OF_LEAD_ALONE && ((stop_of[A] && its(A)) || (stop_of[B] && its(B))));
    must_wait = ((cap && to_the_same) || (gap && to_the_same && !long_ago[other])
        || (alone && i == 1 && same_address && !over[0] && !OTHERS_UNREAD))  /* transactions/sharing.py: who came first goes on */
}

inline forget() { must_end = false; must_wait = false; wants[A] = false; wants[B] = false; outcome = NONE }

/* --- activities/steps.py: claim, call, record, until the follow-up is over ------------------------------------------ */
proctype deliver_step(byte i; byte me) {
    bool must_end, must_wait, wants[2];
    mtype outcome;

    forget();
held:
end_held:                                   /* a step that is held looks again; nothing may have come of it */
    if
    :: atomic { over[i] || state[i] == UNKNOWN || state[i] == SENT -> goto done }
    :: atomic { !over[i] && (state[i] == NONE || state[i] == PENDING) -> goto locking }
    fi;

locking:                                    /* lock_lead: the recipients, in their order, then the lead's row */
    atomic { wants[A] = address[i] == A || (is_open(i) && frozen_to[i] == A);
        wants[B] = address[i] == B || (is_open(i) && frozen_to[i] == B);
        if :: ISOLATION_UNPINNED -> read_facts() :: else fi };
    if
    :: atomic { !wants[A] || RECIPIENT_UNLOCKED }
    :: atomic { wants[A] && !RECIPIENT_UNLOCKED && can_lock(recipient[A], me) -> recipient[A] = me }
    :: atomic { wants[A] && !RECIPIENT_UNLOCKED && !can_lock(recipient[A], me) && row[i] == me -> commit(); forget(); goto held }
    fi;
    if
    :: atomic { !wants[B] || RECIPIENT_UNLOCKED }
    :: atomic { wants[B] && !RECIPIENT_UNLOCKED && can_lock(recipient[B], me) -> recipient[B] = me }
    :: atomic { wants[B] && !RECIPIENT_UNLOCKED && !can_lock(recipient[B], me) && row[i] == me -> commit(); forget(); goto held }
    fi;                                     /* the last one: a wait that may wait for itself is ended by PostgreSQL */
    atomic { can_lock(row[i], me) -> row[i] = me;
        if :: !wants[address[i]] && !ADDRESS_READ_ONCE -> goto locking :: else fi };

    atomic { if :: !ISOLATION_UNPINNED -> read_facts() :: else fi };
    atomic {
        if
        :: must_end -> over[i] = true; commit(); forget(); goto done
        :: !must_end && must_wait -> commit(); forget(); goto held
        :: else ->                          /* what it was told of the facts still counts, whatever has happened since */
            printf("| the claim of lead %d goes on\n", i + 1);
            if :: state[i] == NONE -> frozen_to[i] = address[i] :: else fi;
            printf("|     its draft is claimed, to address %c\n", 'A' + frozen_to[i]);
            broken(stopped[frozen_to[i]], "| I4: a claim begins although a stop of its recipient was committed before it\n");
            broken(gap && may_be_out(other) && frozen_to[other] == frozen_to[i] && !long_ago[other],
                "| I10: two sends to one recipient within the gap\n");
            broken(alone && i == 1 && same_address && !over[0], "| I10: a second follow-up of one recipient while the first goes on\n");
            state[i] = SENDING; long_ago[i] = false; commit(); forget()
        fi };

    atomic {                                /* the call; the answer may be lost whether or not the message went */
        if
        :: outcome = NOT_SENT; printf("| lead %d's send fails before the point of no return\n", i + 1)
        :: outcome = UNKNOWN; printf("| lead %d's send gets no answer, and was not taken\n", i + 1)
        :: outcome = SENT; copies[frozen_to[i]]++
        :: outcome = UNKNOWN; copies[frozen_to[i]]++
        fi;
        if
        :: outcome != NOT_SENT && copies[frozen_to[i]] > 0 -> printf("| lead %d's message: copy %d to address %c\n", i + 1, copies[frozen_to[i]], 'A' + frozen_to[i])
        :: else
        fi;
        broken(cap && copies[frozen_to[i]] > 1, "| I10: two sends to one recipient under a cap of one\n") };
    atomic { can_lock(recipient[frozen_to[i]], me) && can_lock(row[i], me) ->
        if
        :: outcome == NOT_SENT -> state[i] = (over[i] -> NOT_SENT : PENDING)      /* stopped meanwhile: it is not tried again */
        :: outcome == SENT -> state[i] = SENT; over[i] = true; long_ago[i] = false
        :: outcome == UNKNOWN -> state[i] = UNKNOWN
        fi;
        forget(); goto held };
done:
    skip
}

/* --- transactions/event.py, _stop: lead j has replied, now or before it was moved (reach_of) --------------------------- */
proctype Stop() {
    byte j, at, me = STOPPER;
    bool wants[2];
end_stop:
    atomic { stops_left > 0 -> stops_left--; if :: j = 0 :: j = 1 fi };
    atomic { can_lock(name[j], me) -> name[j] = me;                           /* lock_person */
        wants[address[j]] = true;
        if :: j == 1 && moved && !OLD_ADDRESS_UNLOCKED -> wants[A] = true; wants[B] = true :: else fi };
    if
    :: atomic { !wants[A] }
    :: atomic { wants[A] && can_lock(recipient[A], me) -> recipient[A] = me }
    fi;
    if
    :: atomic { !wants[B] }
    :: atomic { wants[B] && can_lock(recipient[B], me) -> recipient[B] = me }
    fi;
    atomic { can_lock(row[j], me) -> row[j] = me };
    atomic {
        if
        :: at = address[j]
        :: j == 1 && moved -> at = 1 - address[j]
        fi;
        printf("| the app says that lead %d has replied: a stop of address %c\n", j + 1, 'A' + at);
        stopped[at] = true; stop_of[at] = true; over[j] = true;
        if :: address[1 - j] == at && !STOP_OF_LEAD_ALONE -> over[1 - j] = true :: else fi;        /* end_reached */
        if :: state[0] == PENDING && over[0] -> state[0] = NOT_SENT :: else fi;
        if :: state[1] == PENDING && over[1] -> state[1] = NOT_SENT :: else fi;
        commit(); j = 0; at = 0; wants[A] = false; wants[B] = false }
}

/* --- transactions/event.py, _update: lead 2 has another address --------------------------------------------------------- */
proctype Move() {
    byte me = MOVER;
end_move:
    atomic { moves_left > 0 && can_lock(name[1], me) -> moves_left--; name[1] = me };
    atomic { can_lock(recipient[A], me) -> recipient[A] = me };
    atomic { can_lock(recipient[B], me) -> recipient[B] = me };
    atomic { can_lock(row[1], me) -> row[1] = me };
    atomic { address[1] = 1 - address[1]; moved = true; printf("| lead 2 is moved to address %c\n", 'A' + address[1]); commit() }
}

proctype Clock() {
end_clock:
    do
    :: atomic { gap && may_be_out(0) && !long_ago[0] -> long_ago[0] = true }
    :: atomic { gap && may_be_out(1) && !long_ago[1] -> long_ago[1] = true }
    od
}

init {
    atomic {
        c_code {
#define said_to_pan(name) (getenv(name) ? atoi(getenv(name)) : 0)
            now.variant = said_to_pan("MODEL_VARIANT"); now.stops_left = said_to_pan("MODEL_STOPS");
            now.moves_left = said_to_pan("MODEL_MOVES"); now.cap = said_to_pan("MODEL_CAP");
            now.gap = said_to_pan("MODEL_GAP"); now.alone = said_to_pan("MODEL_ALONE");
        };
        if :: true :: address[1] = B; printf("| lead 2 has an address of its own, B\n") fi;
        run deliver_step(0, 1); run deliver_step(1, 2); run Stop(); run Move(); run Clock()
    }
}
