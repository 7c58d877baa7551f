"""Mail as other people's programs write it. `{ours}` stands for the left part of our Message-ID, 40 hex digits."""

OURS = "0123456789abcdef0123456789abcdef01234567"
OLDER = "fedcba9876543210fedcba9876543210fedcba98"


def mail(head: str, body: str = "Hello\n", *, ours: str = OURS) -> bytes:
    """A message, as it goes over the wire."""
    text = f"{head.strip()}\n\n{body.lstrip()}".replace("{ours}", ours).replace("{older}", OLDER)
    return text.replace("\n", "\r\n").encode()


REPLY = """
From: Grace Hopper <grace@example.test>
To: Ada Lovelace <ada@example.test>
Subject: Re: Following up, Grace
Message-ID: <CAF=abc123@mail.example.test>
In-Reply-To: <{ours}@example.test>
References: <{older}@example.test> <{ours}@example.test>
Date: Mon, 02 Feb 2026 09:00:00 +0100
"""

# A program that quotes the thread's messages, and forgets which one it answers
REPLY_BY_REFERENCES = """
From: Grace Hopper <grace@example.test>
To: Ada Lovelace <ada@example.test>
Subject: Re: Following up, Grace
Message-ID: <CAF=abc124@mail.example.test>
References: <{older}@example.test>
 <{ours}@example.test>
"""

REPORT = """
From: {sender}
To: ada@example.test
Subject: Undelivered Mail Returned to Sender
Message-ID: <20260202.report@mx.example.test>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary="part/mx.example.test"
"""

_REPORT_BODY = """
This is a MIME-encapsulated message.

--part/mx.example.test
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

{words}

--part/mx.example.test
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.test
Arrival-Date: Mon,  2 Feb 2026 09:00:00 +0100 (CET)

{fields}

--part/mx.example.test
Content-Description: Undelivered Message
Content-Type: {returned}

From: Ada Lovelace <ada@example.test>
To: grace@example.test
Subject: Re: Following up, Grace
Message-ID: <{ours}@example.test>
In-Reply-To: <{older}@example.test>
References: <{older}@example.test>

Hello Grace

--part/mx.example.test--
"""


def report(
    fields: str,
    *,
    words: str = "I'm sorry to have to inform you that your message could not be delivered.",
    sender: str = "MAILER-DAEMON@mx.example.test (Mail Delivery System)",
    returned: str = "message/rfc822",
    more: str = "",
    ours: str = OURS,
) -> bytes:
    """A report of RFC 3464 about the recipients of one message."""
    body = _REPORT_BODY.replace("{words}", words).replace("{fields}", fields.strip()).replace("{returned}", returned)
    return mail(REPORT.replace("{sender}", sender).strip() + more, body, ours=ours)


FAILED = """
Final-Recipient: rfc822; grace@example.test
Original-Recipient: rfc822;grace@example.test
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.example.test
Diagnostic-Code: smtp; 550 5.1.1 <grace@example.test>: Recipient address rejected: User unknown
"""


def failed(recipient: str, status: str = "5.1.1", words: str = "User unknown") -> str:
    """The fields of one recipient that failed."""
    fields = FAILED.replace("grace@example.test", recipient).replace("User unknown", words)
    return fields.replace("5.1.1", status)


DELAYED = """
Final-Recipient: rfc822; grace@example.test
Action: delayed
Status: 4.4.1
Diagnostic-Code: X-Postfix; connect to mail.example.test[192.0.2.1]:25: Connection timed out
Will-Retry-Until: Sat,  7 Feb 2026 09:00:00 +0100 (CET)
"""
GIVEN_UP = FAILED.replace("5.1.1\nRemote", "4.4.7\nRemote")
DELIVERED = """
Final-Recipient: rfc822; grace@example.test
Action: delivered
Status: 2.0.0
"""

EXCHANGE = report(
    """
Final-Recipient: RFC822; grace@example.test
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup
""",
    sender="Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.test>",
    words="Your message to grace@example.test couldn't be delivered.",
    more="\nIn-Reply-To: <{ours}@example.test>\nReferences: <{ours}@example.test>\nX-MS-Exchange-Message-Is-Ndr:",
)

EXIM = mail(
    """
Return-path: <>
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.example.test>
To: ada@example.test
References: <{older}@example.test> <{ours}@example.test>
X-Failed-Recipients: grace@example.test
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1vabc-0001-XX@mx.example.test>
""",
    """
This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  grace@example.test
    Unrouteable address
""",
)

QMAIL = mail(
    """
Return-Path: <>
From: MAILER-DAEMON@mx.example.test
To: ada@example.test
Subject: failure notice
Date: 2 Feb 2026 09:00:00 -0000
""",
    """
Hi. This is the qmail-send program at mx.example.test.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<grace@example.test>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 User unknown
Giving up on 192.0.2.1.

--- Below this line is a copy of the message.

Return-Path: <ada@example.test>
Received: (qmail 4711 invoked by uid 1000); 2 Feb 2026 09:00:00 -0000
From: Ada Lovelace <ada@example.test>
To: grace@example.test
Subject: Following up, Grace
Message-ID: <{ours}@example.test>

Hello Grace
""",
)

# It names nothing; but it came to the address that is our message's alone
POSTFIX_OF_A_PLUS_ADDRESS = report(FAILED, returned="text/plain", ours=OLDER[::-1].replace("f", "g")).replace(
    b"To: ada@example.test\r\nSubject: Undelivered", f"To: ada+{OURS}@example.test\r\nSubject: Undelivered".encode()
)

READ_RECEIPT = mail(
    """
From: Grace Hopper <grace@example.test>
To: ada@example.test
Subject: Read: Following up, Grace
Message-ID: <read@example.test>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary=b
""",
    """
--b

Your message was read.

--b
Content-Type: message/disposition-notification

Reporting-UA: mail.example.test
Original-Message-ID: <{ours}@example.test>
Disposition: manual-action/MDN-sent-manually; displayed

--b--
""",
)

AWAY = "I am out of office until 9 February 2026 and answer then."
OUT_OF_OFFICE = """
From: Grace Hopper <grace@example.test>
To: ada@example.test
Subject: Automatic reply: Following up, Grace
Message-ID: <oof@example.test>
In-Reply-To: <{ours}@example.test>
References: <{ours}@example.test>
"""
