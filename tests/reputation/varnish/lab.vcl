# Varnish with what its own language can say of the contract of cache. What it cannot say is in docs/decisions/0041.
vcl 4.1;

import purge;
import std;

backend origin {
    .path = "@BACK@";
    .connect_timeout = @SECONDS@;
    .first_byte_timeout = @SECONDS@;
    .between_bytes_timeout = @SECONDS@;
}

sub vcl_recv {
    if (req.method == "PURGE") {
        return (hash);
    }
    if (req.restarts == 0) {
        unset req.http.X-Why;
    }
    if (req.method != "GET" && req.method != "HEAD") {
        set req.http.X-Why = "method";
        return (pass);
    }
    if (req.http.Range) {
        set req.http.X-Why = "bypass";
        return (pass);
    }
    return (hash);
}

sub vcl_hash {
    hash_data(req.url);
    return (lookup);
}

sub vcl_hit {
    if (req.method == "PURGE") {
        purge.hard();
        return (synth(204));
    }
    if (req.http.Cache-Control ~ "(?i)no-store") {
        set req.http.X-Why = "request";
        return (pass);
    }
    if (req.http.Cache-Control ~ "(?i)no-cache"
        || (req.http.Cache-Control ~ "(?i)max-age=[0-9]"
            && obj.age > std.duration(regsub(req.http.Cache-Control, "(?i)^.*max-age=([0-9]+).*$", "\1s"), 0s))
        || (req.http.Cache-Control ~ "(?i)min-fresh=[0-9]"
            && obj.ttl < std.duration(regsub(req.http.Cache-Control, "(?i)^.*min-fresh=([0-9]+).*$", "\1s"), 0s))) {
        set req.http.X-Why = "request";
        set req.hash_always_miss = true;
        return (restart);
    }
    return (deliver);
}

sub vcl_miss {
    if (req.method == "PURGE") {
        if (purge.hard() > 0) {
            return (synth(204));
        }
        return (synth(404));
    }
    if (req.http.Cache-Control ~ "(?i)only-if-cached") {
        return (synth(504));
    }
    # The conditions of clients go on only where nothing is to be stored.
    if (req.method == "HEAD" || req.http.Cache-Control ~ "(?i)no-store"
        || req.http.If-None-Match || req.http.If-Modified-Since) {
        set req.http.X-Why = "miss";
        return (pass);
    }
    return (fetch);
}

sub vcl_backend_fetch {
    if (bereq.http.X-Why) {
        set bereq.http.X-Lab = bereq.http.X-Why;
    } else if (bereq.http.If-None-Match || bereq.http.If-Modified-Since) {
        set bereq.http.X-Lab = "stale"; # its own conditions: it takes those of clients away
    } else {
        set bereq.http.X-Lab = "miss";
    }
    set bereq.http.X-Lab-Word = bereq.http.X-Lab;
    unset bereq.http.X-Lab;
    unset bereq.http.X-Why;
    unset bereq.http.Proxy-Connection;
    unset bereq.http.Keep-Alive;
    unset bereq.http.TE;
    unset bereq.http.Trailer;
    unset bereq.http.Upgrade;
    set bereq.http.Host = "@AUTHORITY@";
    if (bereq.http.Via) {
        set bereq.http.Via = bereq.http.Via + ", 1.1 lab";
    } else {
        set bereq.http.Via = "1.1 lab";
    }
    return (fetch);
}

sub vcl_backend_response {
    if (bereq.is_bgfetch && beresp.status >= 500) {
        return (abandon);
    }
    set beresp.do_stream = false; # what ends short is an error then, and not half an answer of status 503
    set beresp.http.X-Lab = bereq.http.X-Lab-Word;
    set beresp.http.X-Lab-Target = bereq.url;
    unset beresp.http.X-Lab-Stored;
    if (bereq.uncacheable) {
        return (deliver);
    }
    set beresp.grace = 0s;
    set beresp.keep = 1h;
    if (beresp.http.Cache-Control ~ "(?i)stale-while-revalidate=[0-9]"
        && beresp.http.Cache-Control !~ "(?i)(no-cache|must-revalidate|proxy-revalidate|s-maxage)") {
        set beresp.grace = std.duration(
            regsub(beresp.http.Cache-Control, "(?i)^.*stale-while-revalidate=([0-9]+).*$", "\1s"), 0s);
    }
    if (beresp.http.Cache-Control ~ "(?i)no-cache"
        || (beresp.ttl <= 0s && beresp.http.Cache-Control !~ "(?i)max-?age=[1-9]")) {
        set beresp.ttl = 1ms; # with 0 it is not asked about either
    }
    if (beresp.http.Cache-Control ~ "(?i)(no-store|private)"
        || beresp.http.Vary ~ "\*"
        || (bereq.http.Authorization && beresp.http.Cache-Control !~ "(?i)(public|s-maxage|must-revalidate)")
        || (beresp.status != 200 && beresp.status != 203 && beresp.status != 204 && beresp.status != 300
            && beresp.status != 301 && beresp.status != 308 && beresp.status != 404 && beresp.status != 405
            && beresp.status != 410 && beresp.status != 414 && beresp.status != 501)
        || (beresp.http.Cache-Control !~ "(?i)(max-age|s-maxage)" && !beresp.http.Expires
            && !beresp.http.ETag && !beresp.http.Last-Modified)) {
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
        if (beresp.status >= 500) {
            set beresp.ttl = 0s; # else it would hide what is stored
        }
        return (deliver);
    }
    set beresp.http.X-Lab-Stored = "1";
    return (deliver);
}

sub vcl_backend_error {
    if (bereq.is_bgfetch) {
        return (abandon);
    }
    set beresp.status = 502;
    return (deliver);
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.X-Lab = "hit";
    }
    if (req.method != "GET" && req.method != "HEAD" && req.method != "OPTIONS" && req.method != "TRACE"
        && resp.status >= 200 && resp.status < 400) {
        std.ban("obj.http.X-Lab-Target == " + req.url);
        set req.http.X-At = regsub(resp.http.Location, "^http://([^/]*).*$", "\1");
        if (resp.http.Location && (resp.http.Location ~ "^/" || req.http.X-At == "@AUTHORITY@" || req.http.X-At == req.http.Host)) {
            std.ban("obj.http.X-Lab-Target == " + regsub(resp.http.Location, "^http://[^/]*", ""));
        }
        set req.http.X-At = regsub(resp.http.Content-Location, "^http://([^/]*).*$", "\1");
        if (resp.http.Content-Location && (resp.http.Content-Location ~ "^/" || req.http.X-At == "@AUTHORITY@"
            || req.http.X-At == req.http.Host)) {
            std.ban("obj.http.X-Lab-Target == " + regsub(resp.http.Content-Location, "^http://[^/]*", ""));
        }
    }
    return (deliver);
}

sub vcl_synth {
    return (deliver);
}
